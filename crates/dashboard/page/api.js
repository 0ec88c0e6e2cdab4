// Calls of the gateway's API. Addresses are relative, so that the page works behind a sub-path of a proxy.
import { observable } from './ui.js';
import { t } from './words.js';

const KEY = 'wakeeper-api-key';

/** The key, and whether the gateway wants another one. It stays in this tab. */
export const key = observable({ value: sessionStorage.getItem(KEY) ?? '', wanted: false, refused: false });

/** Why a call did not work. */
export class Refused extends Error {
  constructor(status, body) {
    super(body?.message ?? (status ? t('The gateway answered {status}.', { status }) : t('The gateway does not answer.')));
    this.status = status;
    this.code = body?.code ?? '';
    this.hint = body?.hint ?? '';
  }
}

/** Is it an answer of a gateway that has no such endpoint? */
export const isMissing = (error) => error?.status === 404 && error.code !== 'session_not_found';

/** A path whose values are encoded. */
export function path(parts, ...values) {
  return String.raw({ raw: parts }, ...values.map((value) => encodeURIComponent(value)));
}

/** A query string, without what is empty. */
export function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return given.length ? `?${new URLSearchParams(given)}` : '';
}

/** Takes a key that a person gave. */
export function takeKey(value) {
  sessionStorage.setItem(KEY, value);
  key.set({ value, wanted: false, refused: false });
}

/** Forgets the key. */
export function forgetKey() {
  sessionStorage.removeItem(KEY);
  key.set({ value: '', wanted: true, refused: false });
}

/** A request with the key. */
export async function request(method, address, { body, headers = {}, signal } = {}) {
  const asked = key.get().value;
  const all = { accept: 'application/json', ...headers };
  if (asked) all['x-api-key'] = asked;
  if (body !== undefined) all['content-type'] = 'application/json';
  let response;
  try {
    response = await fetch(address, { method, headers: all, signal, cache: 'no-store', body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Refused(0, null);
  }
  // An answer to an older key says nothing about the present one.
  if (response.status === 401 && key.get().value === asked) {
    key.set({ value: asked, wanted: true, refused: asked !== '' });
  }
  return response;
}

/** Calls an endpoint and reads its JSON. Statuses in `also` are answers, too. */
export async function call(method, address, options = {}) {
  const response = await request(method, address, options);
  const text = await response.text();
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    // Not ours: a proxy's page, perhaps.
  }
  if (!response.ok && !(options.also ?? []).includes(response.status)) throw new Refused(response.status, answer);
  return answer;
}

export const get = (address, signal, also) => call('GET', address, { signal, also });
export const post = (address, body, headers) => call('POST', address, { body, headers });
export const put = (address, body) => call('PUT', address, { body });
export const remove = (address) => call('DELETE', address);

/** A random id; `crypto.randomUUID` is there only for pages by https or of this machine. */
export function randomId(bytes = 16) {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
