"""Are these manifests what Kubernetes takes, in every version in support? Run by the Python of an Airflow environment.

    validate.py FILE…    a line for each problem; exit code 1 if there is one

A field that a version does not know is a problem, and so is a kind: kubernetes-validate alone only warns of that one.
"""

import sys
from pathlib import Path

import kubernetes_validate
import yaml

VERSIONS = ("1.35", "1.36", "1.37")  # three at a time, as Kubernetes has them; AKS follows


def problems(file: Path) -> list[str]:
    """Return what is wrong with a file."""
    documents = [document for document in yaml.safe_load_all(file.read_text()) if document]
    found = [] if documents else [f"{file.name}: nothing is in it"]
    for document in documents:
        for version in VERSIONS:
            try:
                seen = kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.SchemaNotFoundError as error:
                found.append(f"{file.name}: {error.message}")
            except kubernetes_validate.ValidationError as error:
                where = ".".join(str(part) for part in error.path)
                found.append(f"{file.name}, Kubernetes {version}: {where}: {error.message}")
            else:
                if seen != version:  # it falls back to an older one that it has
                    found.append(f"{file.name}: no schemas of Kubernetes {version}")
    return found


def main() -> int:
    """Print all problems."""
    found = [problem for name in sys.argv[1:] for problem in problems(Path(name))]
    sys.stdout.write("".join(f"{problem}\n" for problem in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
