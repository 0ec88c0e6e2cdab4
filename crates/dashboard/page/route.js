// Where the page is: behind the `#` of its address, so that every view can be linked to below any path.
import { observable } from './ui.js';

const read = () => location.hash.replace(/^#\/?/, '').split('/').map(decode).filter(Boolean);

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The parts of the address. */
export const route = observable(read());

/** The address of a view. */
export const to = (...parts) => `#/${parts.map(encodeURIComponent).join('/')}`;

/** Goes to a view. */
export function go(...parts) {
  location.hash = to(...parts);
}

window.addEventListener('hashchange', () => route.set(read()));
