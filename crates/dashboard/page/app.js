// The page: what is shown where.
import { key } from './api.js';
import { Header } from './header.js';
import { KeyForm } from './key-form.js';
import { Keys } from './keys.js';
import { NewSession } from './new-session.js';
import { route } from './route.js';
import { Session } from './session.js';
import { begin, state } from './sessions.js';
import { Start } from './start.js';
import { html, render, useEffect, useRef, useValue } from './ui.js';
import { load, t } from './words.js';

function View({ parts }) {
  const [first, second, ...rest] = parts;
  if (first === 's' && second) return html`<${Session} key=${second} name=${second} tab=${rest[0] ?? ''} rest=${rest.slice(1)} />`;
  if (first === 'new') return html`<${NewSession} />`;
  if (first === 'keys') return html`<${Keys} />`;
  return html`<${Start} />`;
}

function App() {
  const { wanted, refused } = useValue(key);
  const parts = useValue(route);
  const { lost, sessions } = useValue(state);
  const main = useRef(null);
  const shown = useRef('');
  const here = parts.slice(0, 3).join('/');
  useEffect(() => {
    const name = parts[0] === 's' ? parts[1] : { keys: t('API keys'), new: t('Link a number') }[parts[0]];
    document.title = name ? `${name} · wakeeper` : 'wakeeper';
    // Whoever listens to the page hears of another view, as if it were another page.
    if (shown.current !== here && shown.current) main.current?.focus();
    shown.current = here || '/';
  }, [here]);
  return html`
    <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); main.current.focus(); }}>${t('Skip to the content')}</a>
    <${Header} />
    <main id="main" tabindex="-1" ref=${main}>
      ${!wanted && lost ? html`<p class="problem" role="alert">${lost.status ? lost.message : t('The gateway does not answer. Trying again …')}</p>` : null}
      ${wanted ? html`<${KeyForm} refused=${refused} />` : sessions ? html`<${View} parts=${parts} />` : lost ? null : html`<p class="empty" role="status">${t('Loading …')}</p>`}
    </main>`;
}

let asked = null;
key.watch(() => {
  const { value, wanted } = key.get();
  if (!wanted && value !== asked) begin();
  asked = wanted ? null : value;
});

await load();
asked = key.get().value;
begin();
render(html`<${App} />`, document.getElementById('page'));
