"""What is the life of a queue message in the host?

    received     hidden for 10 minutes, renewed while the function runs; after a crash it comes back when they are over
    succeeded    deleted
    failed       visible again after host.json's visibilityTimeout
    failed maxDequeueCount times, or unreadable    moved to the poison queue

A message is deleted only after its function succeeded or its copy lies in the poison queue.
"""

import logging
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueMessage

from localcloud.functions.backoff import Backoff
from localcloud.functions.configuration import QueueOptions

log = logging.getLogger("host")


class Undecodable(Exception):
    """A message that no retry can make readable."""


class QueueListener:
    """Polls one queue and hands each message to `handle`, which says whether it succeeded."""

    def __init__(
        self,
        queue: QueueClient,
        poison: Callable[[], QueueClient],
        handle: Callable[[QueueMessage], bool],
        options: QueueOptions,
        *,
        invisibility_seconds: float,
    ) -> None:
        self._queue = queue
        self._poison = poison
        self._handle = handle
        self._options = options
        self._invisibility_seconds = max(1, int(invisibility_seconds))
        self._backoff = Backoff(options.max_polling_seconds, random.random)
        self._pool = ThreadPoolExecutor(options.batch_size + options.new_batch_threshold, queue.queue_name)
        self._room = threading.Condition()
        self._running = 0
        self._stopping = False
        self._awake = threading.Event()
        self._thread = threading.Thread(target=self._poll, name=f"poll-{queue.queue_name}", daemon=True)

    @property
    def queue_name(self) -> str:
        """The queue that is polled."""
        return self._queue.queue_name

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    def wake(self) -> None:
        """Poll now: somebody in this process has just sent a message."""
        self._awake.set()

    def stop(self) -> None:
        """Take no more messages; those that run go on."""
        self._stopping = True
        self._awake.set()
        with self._room:
            self._room.notify_all()

    def wait(self, timeout_seconds: float) -> bool:
        """After `stop`: wait for the messages that run, and say whether all have ended."""
        self._thread.join(timeout_seconds)
        with self._room:
            return self._room.wait_for(lambda: not self._running, timeout_seconds)

    def _poll(self) -> None:
        found = False
        while self._has_room():
            messages = self._receive()
            for message in messages:
                with self._room:
                    self._running += 1
                self._pool.submit(self._process, message)
            if messages:
                found = True
                continue
            self._awake.wait(self._backoff.next_seconds(found=found))
            self._awake.clear()
            found = False

    def _has_room(self) -> bool:
        """Wait until a new batch may be taken; False when the listener stops."""
        threshold = self._options.new_batch_threshold
        with self._room:
            self._room.wait_for(lambda: self._stopping or self._running <= threshold)
            return not self._stopping

    def _receive(self) -> list[QueueMessage]:
        batch = self._options.batch_size
        try:
            pages = self._queue.receive_messages(
                messages_per_page=batch, max_messages=batch, visibility_timeout=self._invisibility_seconds
            )
            return list(pages)
        except ResourceNotFoundError:
            return []  # nobody has sent anything yet
        except AzureError as error:
            log.warning("Queue '%s' cannot be read: %s", self.queue_name, error)
            return []

    def _process(self, message: QueueMessage) -> None:
        try:
            self._settle(message)
        except AzureError as error:
            log.warning("Message %s of queue '%s' is left to its timeout: %s", message.id, self.queue_name, error)
        except Exception:
            log.exception("Message %s of queue '%s' is left to its timeout", message.id, self.queue_name)
        finally:
            with self._room:
                self._running -= 1
                self._room.notify_all()

    def _settle(self, message: QueueMessage) -> None:
        tries, limit = message.dequeue_count or 0, self._options.max_dequeue_count
        try:
            succeeded = tries <= limit and self._run(message)
        except Undecodable as error:
            log.error("Message %s of queue '%s' cannot be decoded: %s", message.id, self.queue_name, error)
            self._give_up(message)
            return
        if succeeded:
            self._queue.delete_message(message.id, message.pop_receipt)
        elif tries >= limit:
            log.warning("Message has reached MaxDequeueCount of %d. Moving message to the poison queue.", limit)
            self._give_up(message)
        else:
            self._hide(message, self._options.visibility_seconds)

    def _run(self, message: QueueMessage) -> bool:
        with self._renewed(message):
            return self._handle(message)

    @contextmanager
    def _renewed(self, message: QueueMessage) -> Iterator[None]:
        """Keep the message hidden while the block runs."""
        done = threading.Event()
        thread = threading.Thread(target=self._renew, args=(message, done), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _renew(self, message: QueueMessage, done: threading.Event) -> None:
        while not done.wait(self._invisibility_seconds / 2):
            try:
                self._hide(message, self._invisibility_seconds)
            except AzureError as error:
                log.warning("Message %s of queue '%s' cannot be renewed: %s", message.id, self.queue_name, error)

    def _hide(self, message: QueueMessage, seconds: float) -> None:
        renewed = self._queue.update_message(message.id, message.pop_receipt, visibility_timeout=int(seconds))
        message.pop_receipt = renewed.pop_receipt

    def _give_up(self, message: QueueMessage) -> None:
        self._poison().send_message(message.content)
        self._queue.delete_message(message.id, message.pop_receipt)
