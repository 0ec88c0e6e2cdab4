// The top of the page: how many sessions work, need somebody or wait, and the ways to everything else.
import { forgetKey, key } from './api.js';
import { count } from './figures.js';
import { to } from './route.js';
import { group, open, state } from './sessions.js';
import { chosen } from './start.js';
import { html, useValue } from './ui.js';
import { choose, language, LANGUAGES, t } from './words.js';

export function Header() {
  const { value, wanted } = useValue(key);
  const all = useValue(state);
  return html`<header>
    <a class="brand" href="#/"><img src="icon.svg" alt="" width="32" height="32" /><span>wakeeper</span></a>
    ${wanted || !all.sessions ? html`<span class="grow"></span>` : html`<${Counts} all=${all} />`}
    <nav aria-label=${t('Main')}>
      ${wanted ? null : html`<a href=${to()}>${t('Sessions')}</a><a href=${to('keys')}>${t('Keys')}</a>`}
      <a href="docs/">API</a>
      <label class="sr" for="language">${t('Language')}</label>
      <select id="language" value=${language()} onChange=${(event) => choose(event.target.value)}>
        ${Object.entries(LANGUAGES).map(([code, name]) => html`<option value=${code} selected=${code === language()} lang=${code}>${name}</option>`)}
      </select>
      ${value && !wanted ? html`<button type="button" class="plain" onClick=${forgetKey}>${t('Forget key')}</button>` : null}
    </nav>
  </header>`;
}

function Counts({ all }) {
  const incidents = open(all);
  const groups = { working: 0, trouble: 0, waiting: 0, stopped: 0 };
  for (const session of all.sessions.values()) groups[group(session, incidents)] += 1;
  const one = (which, kind, text) => html`<a class=${`count ${kind}`} href=${to()} onClick=${() => chosen.set({ ...chosen.get(), filter: which, page: 0 })}>
    ${text}</a>`;
  return html`<p class="counts grow" aria-live="polite">
    ${one('working', 'good', t('{n} working', { n: count(groups.working) }))}
    ${groups.trouble ? one('trouble', 'bad', t('{n} need you', { n: count(groups.trouble) })) : null}
    ${groups.waiting ? one('waiting', 'wait', t('{n} waiting', { n: count(groups.waiting) })) : null}
    <span class=${`live ${all.live ? 'on' : ''}`} title=${all.live ? t('Changes show as they happen.') : t('No live stream; read every few seconds.')}>
      ${all.live ? t('live') : t('not live')}</span>
  </p>`;
}
