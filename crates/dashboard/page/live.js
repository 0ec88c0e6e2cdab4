// Live streams of events: Server-Sent Events read with the key in a header, which the browser's own reader cannot set.
import { key, query, request } from './api.js';

const WAIT_MS = [1000, 2000, 4000, 8000, 15_000];
/** A line comes every 15 seconds at least; after so long without one the connection is dead. */
const SILENT_MS = 45_000;
const LONGEST = 8 << 20;
/** A page that nobody sees gives its connection up after so long: a browser has six for all pages of one gateway. */
const UNSEEN_MS = 20_000;

/**
 * Listens until the function that it returns is called. It comes back behind the last event that it saw. When the gateway does not
 * know one of the names, `fewer` are asked for.
 */
export function listen({ session, events, fewer, onEvent, onState = () => {} }) {
  const ended = new AbortController();
  run({ session, names: events, fewer, onEvent, onState }, ended.signal);
  return () => ended.abort();
}

async function run(wish, ended) {
  let { names } = wish;
  let last = '';
  let failures = 0;
  while (!ended.aborted) {
    await seen(ended);
    // A key that was refused is not tried again and again.
    while (key.get().wanted && !ended.aborted) await pause(SILENT_MS, ended);
    if (ended.aborted) return;
    const one = new AbortController();
    const unwatch = giveUpUnseen(one);
    const stop = () => one.abort();
    ended.addEventListener('abort', stop, { once: true });
    try {
      const address = `api/events${query({ session: wish.session, events: names?.join(',') })}`;
      const headers = { accept: 'text/event-stream' };
      if (last) headers['last-event-id'] = last;
      const response = await request('GET', address, { headers, signal: one.signal });
      if (response.status === 400 && wish.fewer && names !== wish.fewer) {
        names = wish.fewer;
        continue;
      }
      if (!response.ok) throw new Error(`status ${response.status}`);
      failures = 0;
      wish.onState(true);
      for await (const event of read(response.body, one)) {
        if (event.id) last = event.id;
        if (event.name === 'stream.gap') wish.onEvent({ event: 'stream.gap' });
        else if (event.data && event.name !== 'stream.end') wish.onEvent(JSON.parse(event.data));
      }
    } catch {
      // Whatever it was: it is tried again.
    }
    ended.removeEventListener('abort', stop);
    unwatch();
    one.abort();
    if (ended.aborted) return;
    wish.onState(false);
    await pause(WAIT_MS[Math.min(failures, WAIT_MS.length - 1)], ended);
    failures += 1;
  }
}

/** Ends a connection when the page is left, or was not seen for a while. */
function giveUpUnseen(connection) {
  let timer = 0;
  const changed = () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(() => connection.abort(), UNSEEN_MS);
  };
  const left = () => connection.abort();
  document.addEventListener('visibilitychange', changed);
  window.addEventListener('pagehide', left);
  return () => {
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', changed);
    window.removeEventListener('pagehide', left);
  };
}

/** Waits until somebody sees the page. */
function seen(ended) {
  return new Promise((resolve) => {
    if (!document.hidden || ended.aborted) return resolve();
    const done = () => {
      document.removeEventListener('visibilitychange', done);
      resolve();
    };
    document.addEventListener('visibilitychange', done);
    ended.addEventListener('abort', done, { once: true });
  });
}

/** Waits, until the stream is given up or another key is there. */
function pause(milliseconds, ended) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      unwatch();
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    const unwatch = key.watch(done);
    ended.addEventListener('abort', done, { once: true });
  });
}

async function* read(body, connection) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const silent = setTimeout(() => connection.abort(), SILENT_MS);
    const { value, done } = await reader.read().finally(() => clearTimeout(silent));
    if (done) return;
    text += value;
    if (text.length > LONGEST) throw new Error('an event is too long');
    let end;
    while ((end = text.indexOf('\n\n')) >= 0) {
      yield parse(text.slice(0, end));
      text = text.slice(end + 2);
    }
  }
}

/** One event of the stream. */
export function parse(block) {
  const event = { id: '', name: '', data: '' };
  for (const line of block.split('\n')) {
    const at = line.indexOf(':');
    if (at <= 0) continue;
    const value = line.slice(at + 1).replace(/^ /, '');
    const field = line.slice(0, at);
    if (field === 'id') event.id = value;
    else if (field === 'event') event.name = value;
    else if (field === 'data') event.data += event.data ? `\n${value}` : value;
  }
  return event;
}
