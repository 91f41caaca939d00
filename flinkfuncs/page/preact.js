// What the page renders with. Every module imports these from here, and nothing from vendor/.
import {Fragment, createContext, h, render} from './vendor/preact.mjs';
import htm from './vendor/htm.mjs';

export {useCallback, useContext, useEffect, useLayoutEffect, useMemo, useRef, useState} from './vendor/hooks.mjs';
export {Fragment, createContext, h, render};
export const html = htm.bind(h);
