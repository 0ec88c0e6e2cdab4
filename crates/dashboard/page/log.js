// What happens to a session, as it happens: paused and filtered here, without losing what comes meanwhile.
import { clock } from './figures.js';
import { listen } from './live.js';
import { Button, Code, Empty, html, useEffect, useRef, useState } from './ui.js';
import { t } from './words.js';

/** Older ones are dropped. */
const MOST = 500;

export function Log({ session }) {
  const [events, setEvents] = useState([]);
  const [paused, setPaused] = useState(false);
  const [live, setLive] = useState(false);
  const [filter, setFilter] = useState('');
  const held = useRef([]);
  const isPaused = useRef(false);
  isPaused.current = paused;
  useEffect(() => {
    let timer = 0;
    const onEvent = (event) => {
      held.current = [...held.current, event].slice(-MOST);
      timer ||= setTimeout(() => {
        timer = 0;
        if (!isPaused.current) setEvents(held.current);
      }, 200);
    };
    const stop = listen({ session: session.name, onEvent, onState: setLive });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [session.name]);
  useEffect(() => {
    if (!paused) setEvents(held.current);
  }, [paused]);
  const words = filter.toLowerCase();
  const shown = events.filter((event) => !words || JSON.stringify(event).toLowerCase().includes(words)).reverse();
  const clear = () => {
    held.current = [];
    setEvents([]);
  };
  return html`<section class="card" aria-labelledby="log-title">
    <div class="bar"><h2 id="log-title" class="grow">${t('Live events')} <span class=${`live ${live ? 'on' : ''}`}>${live ? t('live') : t('not live')}</span></h2>
      <label class="sr" for="log-filter">${t('Filter')}</label><input id="log-filter" type="search" placeholder=${t('Filter')} value=${filter} onInput=${(event) => setFilter(event.target.value)} />
      <${Button} kind="second" aria-pressed=${paused} onClick=${() => setPaused(!paused)}>${paused ? t('Go on') : t('Pause')}<//>
      <${Button} kind="second" onClick=${clear}>${t('Clear')}<//></div>
    <p class="soft">${t('From the moment that this view was opened; the last {n}.', { n: MOST })}</p>
    ${shown.length ? html`<ul class="log">${shown.map((event) => html`<${Line} key=${event.id ?? JSON.stringify(event)} event=${event} />`)}</ul>`
      : html`<${Empty}>${events.length ? t('No event is like that.') : t('Nothing happened yet.')}<//>`}
  </section>`;
}

function Line({ event }) {
  const [open, setOpen] = useState(false);
  return html`<li><button type="button" class="log-line" aria-expanded=${open} onClick=${() => setOpen(!open)}>
      <time>${clock(event.timestamp)}</time> <strong class="mono">${event.event}</strong> <span class="clip">${summary(event.payload)}</span></button>
    ${open ? html`<${Code} text=${JSON.stringify(event, null, 2)} label=${t('The event')} />` : null}</li>`;
}

function summary(payload) {
  if (!payload) return '';
  const words = [payload.status, payload.from, payload.ackName, payload.body, payload.summary, payload.reaction?.text];
  return words.filter((word) => typeof word === 'string' && word).join(' · ').slice(0, 200);
}
