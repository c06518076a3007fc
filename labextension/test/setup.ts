// Nothing is laid out here.
Element.prototype.scrollIntoView = () => undefined;

// What JupyterLab's packages expect of a browser and jsdom does not have.
import { TextDecoder, TextEncoder } from 'util';

Object.assign(globalThis, { TextDecoder, TextEncoder });
Object.assign(globalThis, {
  DragEvent: class extends MouseEvent {},
  ResizeObserver: class {
    observe(): void {
      // Nothing is laid out here.
    }
    disconnect(): void {
      // As above.
    }
  },
  isSecureContext: true,
  matchMedia: () => ({ matches: false, addListener: () => undefined })
});
