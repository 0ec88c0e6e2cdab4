// The first view: trouble first, then the list of sessions with search, filter and sort, a page at a time.
import { count } from './figures.js';
import { Linking } from './linking.js';
import { to } from './route.js';
import { Row } from './row.js';
import { group, isLinking, open, state, standing } from './sessions.js';
import { Trouble } from './trouble.js';
import { Button, Empty, html, observable, useEffect, useRef, useTick, useValue } from './ui.js';
import { t, w } from './words.js';

/** Rows on a page: what is not shown costs nothing, however many sessions there are. */
const ROWS = 50;
const FILTERS = { all: w('All'), trouble: w('Trouble'), working: w('Working'), waiting: w('Waiting'), stopped: w('Stopped') };
const SORTS = { trouble: w('Trouble first'), name: w('By name'), activity: w('Last active first') };
const ORDER = ['trouble', 'waiting', 'working', 'stopped'];

/** What was chosen stays while the page is open. */
export const chosen = observable({ search: '', filter: 'all', sort: 'trouble', page: 0 });

const choose = (part) => chosen.set({ ...chosen.get(), page: 0, ...part });

export function Start() {
  const all = useValue(state);
  const { search, filter, sort, page } = useValue(chosen);
  useTick(15_000);
  const sessions = [...all.sessions.values()];
  const incidents = open(all);
  const found = select(sessions, incidents, search, filter, sort);
  const pages = Math.max(1, Math.ceil(found.length / ROWS));
  const at = Math.min(page, pages - 1);
  const rows = found.slice(at * ROWS, (at + 1) * ROWS);
  const only = sessions.length === 1 && isLinking(sessions[0]) ? sessions[0] : null;
  return html`
    <h1 class="sr">${t('Sessions')}</h1>
    <${Trouble} sessions=${sessions} incidents=${incidents} />
    ${only ? html`<section class="card"><h2>${t('Link your number')}</h2><${Linking} session=${only} /></section>` : null}
    <section aria-labelledby="sessions-title">
      <div class="bar">
        <h2 id="sessions-title">${t('Sessions')}</h2>
        <${Search} value=${search} />
        <${Choice} label=${t('Show')} options=${FILTERS} value=${filter} onChange=${(value) => choose({ filter: value })} />
        <${Choice} label=${t('Sort')} options=${SORTS} value=${sort} onChange=${(value) => choose({ sort: value })} />
        <a class="button" href=${to('new')}>${t('Link a number')}</a>
      </div>
      ${rows.length ? html`<ul class="rows">${rows.map((session) => html`<${Row} key=${session.name} session=${session} incidents=${incidents} evidence=${all.evidence.get(session.name)} />`)}</ul>`
        : html`<${Empty}>${sessions.length ? t('No session is like that.') : t('There is no session yet.')}<//>`}
      <${Pager} at=${at} pages=${pages} total=${found.length} />
    </section>`;
}

function select(sessions, incidents, search, filter, sort) {
  const words = search.toLowerCase().trim();
  const troubled = incidents.length ? incidents : [];
  const groups = new Map(sessions.map((session) => [session.name, group(session, troubled)]));
  const fits = (session) => {
    if (filter !== 'all' && groups.get(session.name) !== filter) return false;
    if (!words) return true;
    const text = [session.name, session.me?.pushName, session.me?.id, t(standing(session.status)[0]), session.reason];
    return text.filter(Boolean).join(' ').toLowerCase().includes(words);
  };
  const name = (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true });
  const sorts = {
    name,
    activity: (a, b) => (b.timestamps?.activity ?? 0) - (a.timestamps?.activity ?? 0) || name(a, b),
    trouble: (a, b) => ORDER.indexOf(groups.get(a.name)) - ORDER.indexOf(groups.get(b.name)) || name(a, b),
  };
  return sessions.filter(fits).sort(sorts[sort]);
}

function Search({ value }) {
  const input = useRef(null);
  useEffect(() => {
    const pressed = (event) => {
      const writes = event.target.closest('input, textarea, select, dialog');
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || writes) return;
      event.preventDefault();
      input.current.focus();
    };
    document.addEventListener('keydown', pressed);
    return () => document.removeEventListener('keydown', pressed);
  }, []);
  return html`<div class="grow search">
    <label class="sr" for="search">${t('Search by name or number')}</label>
    <input id="search" ref=${input} type="search" placeholder=${t('Search by name or number')} aria-keyshortcuts="/" value=${value}
      onInput=${(event) => choose({ search: event.target.value })} />
  </div>`;
}

function Choice({ label, options, value, onChange }) {
  return html`<select aria-label=${label} value=${value} onChange=${(event) => onChange(event.target.value)}>
    ${Object.entries(options).map(([key, text]) => html`<option value=${key} selected=${key === value}>${t(text)}</option>`)}
  </select>`;
}

function Pager({ at, pages, total }) {
  if (pages < 2) return null;
  const turn = (by) => choose({ page: at + by });
  const [from, last] = [at * ROWS + 1, Math.min(total, (at + 1) * ROWS)];
  return html`<nav class="pager" aria-label=${t('Pages')}>
    <${Button} kind="second" disabled=${at === 0} onClick=${() => turn(-1)}>${t('Back')}<//>
    <span aria-live="polite">${t('{from} to {last} of {total}', { from: count(from), last: count(last), total: count(total) })}</span>
    <${Button} kind="second" disabled=${at >= pages - 1} onClick=${() => turn(1)}>${t('Next')}<//>
  </nav>`;
}
