// All sessions and the open incidents, kept up to date by one live stream.
import { get, isMissing, key, path } from './api.js';
import { listen } from './live.js';
import { observable } from './ui.js';
import { w } from './words.js';

/** Without a live stream the list is read so often, and with one now and then: nothing tells of deleted sessions. */
const POLL_MS = 5_000;
const RESYNC_MS = 60_000;
const NAMES = ['session.status', 'session.incident', 'session.evidence'];

/** What a status is called, and how it is to be seen. */
const STATES = {
  STOPPED: [w('Stopped'), 'off'],
  STARTING: [w('Starting'), 'wait'],
  SCAN_QR_CODE: [w('Waiting for a scan'), 'wait'],
  PASSKEY_REQUIRED: [w('Needs a passkey'), 'wait'],
  PASSKEY_CONFIRMATION_REQUIRED: [w('Compare the code'), 'wait'],
  WORKING: [w('Working'), 'good'],
  FAILED: [w('Failed'), 'bad'],
};

/** `sessions` is `null` until it was read. `live` tells whether the stream is open, `lost` why the gateway could not be asked. */
export const state = observable({ sessions: null, incidents: new Map(), evidence: new Map(), live: false, lost: null });

const change = (part) => state.set({ ...state.get(), ...part });

/** The English name of a status, and its kind. */
export const standing = (status) => STATES[status] ?? [status, 'off'];

/** Does a phone have to link it? */
export const isLinking = (session) => ['SCAN_QR_CODE', 'PASSKEY_REQUIRED', 'PASSKEY_CONFIRMATION_REQUIRED'].includes(session.status);

/** `trouble`, `working`, `waiting` or `stopped`. */
export function group(session, incidents) {
  if (session.status === 'FAILED' || incidents.some((incident) => incident.session === session.name)) return 'trouble';
  if (session.status === 'STOPPED') return 'stopped';
  return session.status === 'WORKING' ? 'working' : 'waiting';
}

/** Incidents that are not over. */
export const open = (all) => [...all.incidents.values()].filter((incident) => incident.state !== 'closed');

/** When its status changed last. */
const changedAt = (session) => session.statuses?.at(-1)?.timestamp ?? 0;

/** What is known of a session, with an answer about it: an event may have told of a later status while the answer was on its way. */
function joined(known, answer) {
  if (!known || changedAt(known) <= changedAt(answer)) return { ...known, reason: null, ...answer };
  const { status, statuses, reason, me } = known;
  return { ...known, ...answer, status, statuses, reason, me };
}

/** Reads all sessions. */
export async function refresh() {
  try {
    const list = await get('api/sessions?all=true');
    const known = state.get().sessions;
    change({ sessions: new Map(list.map((session) => [session.name, joined(known?.get(session.name), session)])), lost: null });
  } catch (error) {
    change({ lost: error });
  }
}

/** Reads one session anew, for example after it was changed. */
export async function refreshOne(name) {
  try {
    put(await get(path`api/sessions/${name}`));
  } catch (error) {
    if (error.status === 404) drop(name);
  }
}

/** Keeps what an answer said of a session. */
export function put(session) {
  const sessions = new Map(state.get().sessions);
  sessions.set(session.name, joined(sessions.get(session.name), session));
  change({ sessions });
}

/** Forgets a session. */
export function drop(name) {
  const sessions = new Map(state.get().sessions);
  sessions.delete(name);
  change({ sessions });
}

/** How many events of incidents came. */
let heard = 0;

async function refreshIncidents(again = false) {
  try {
    const before = heard;
    // Only those that are not over: an old one must not be lost behind newer ones that are.
    const list = await get('api/incidents?state=open&limit=1000');
    // The list may be older than what came meanwhile.
    if (heard !== before && !again) return refreshIncidents(true);
    change({ incidents: new Map(list.map((one) => [one.id, one])) });
  } catch (error) {
    // An older gateway has none, and some keys may not read them.
    if (!isMissing(error) && error.status !== 403 && error.status) change({ lost: error });
  }
}

function told(event) {
  const { payload } = event;
  if (event.event === 'stream.gap') {
    refresh();
    refreshIncidents();
  } else if (event.event === 'session.status') {
    const { status, statuses, reason = null } = payload;
    const known = state.get().sessions?.get(event.session);
    put({ ...known, name: event.session, status, statuses, reason, me: event.me ?? null });
    if (!known?.config) refreshOne(event.session);
  } else if (event.event === 'session.incident') {
    heard += 1;
    // It has no number while the disk takes no writes.
    const id = payload.incident ?? `${event.session}/${payload.kind}`;
    const incidents = new Map(state.get().incidents);
    const known = incidents.get(id) ?? { id, session: event.session, opened_ms: event.timestamp };
    incidents.set(id, { ...known, kind: payload.kind, state: payload.state, outcome: payload.outcome, summary: payload.text, updated_ms: event.timestamp });
    change({ incidents });
  } else if (event.event === 'session.evidence') {
    const evidence = new Map(state.get().evidence);
    evidence.set(event.session, payload);
    change({ evidence });
  }
}

let stop = null;

/** Begins to listen; anew when there is another key. */
export async function begin() {
  stop?.();
  stop = null;
  state.set({ sessions: null, incidents: new Map(), evidence: new Map(), live: false, lost: null });
  await refresh();
  if (key.get().wanted) return;
  const onState = (live) => {
    change({ live });
    // What happened while nobody listened is read.
    if (live) {
      refresh();
      refreshIncidents();
    }
  };
  const unlisten = listen({ events: NAMES, fewer: NAMES.slice(0, 1), onEvent: told, onState });
  let last = Date.now();
  const timer = setInterval(() => {
    const due = state.get().live ? RESYNC_MS : POLL_MS;
    if (document.hidden || key.get().wanted || Date.now() - last < due) return;
    last = Date.now();
    refresh();
    refreshIncidents();
  }, POLL_MS);
  stop = () => {
    unlisten();
    clearInterval(timer);
  };
}
