// Gives a backup back: what would change is shown first; an older ratchet is refused without a reason.
import { path, post } from './api.js';
import { stamp } from './figures.js';
import { Button, Dialog, Field, html, Problem, useAction, useEffect, useRef, useState } from './ui.js';
import { t, w } from './words.js';

/** Characters; the gateway refuses more. */
const LONGEST_REASON = 500;

const RATCHETS = {
  kept: w('The encryption state with contacts stays.'),
  dropped: w('The encryption state with contacts is agreed anew: one automatic retry for each contact.'),
};

export function Restore({ session, backup, onClose }) {
  const [what, setWhat] = useState('credentials');
  const [reason, setReason] = useState('');
  const [done, setDone] = useState(null);
  const { run, busy } = useAction();
  const why = reason.trim();
  const address = path`api/sessions/${session}/restore`;
  const order = { backup: backup.id, what, ...(what === 'all' && why ? { force_reason: why } : {}) };
  const { ask, asking, preview, error, refuse } = usePreview(address, order);
  useEffect(ask, [what]);
  // What was refused has to be looked at anew.
  const restore = () => run(() => post(address, { ...order, dry_run: false }).then(setDone, refuse));
  return html`<${Dialog} title=${t('Restore {name}', { name: session })} onClose=${onClose}>
    <p>${t('The backup of {moment}.', { moment: stamp(backup.created_at) })}</p>
    ${done ? html`<div role="status"><p>${done.applied ? t('Restored.') : t('Nothing was changed.')}</p>${done.needs_qr ? html`<p class="problem">${t('The number must be linked again afterwards.')}</p>` : null}<${Notes} of=${done} /></div>` : html`
      <fieldset disabled=${busy}><legend>${t('What')}</legend>
        <${Choice} value="credentials" chosen=${what} onChoose=${setWhat} text=${t('The login alone (usual)')} />
        <${Choice} value="all" chosen=${what} onChoose=${setWhat} text=${t('Everything, also the keys of contacts')} />
      </fieldset>
      ${preview ? html`<h3>${t('This would change')}</h3><${Changes} of=${preview.changes} />
        <p class="note">${RATCHETS[preview.ratchet] ? t(RATCHETS[preview.ratchet]) : ''}</p><${Notes} of=${preview} />` : asking ? html`<p role="status">${t('Looking at what would be done …')}</p>` : null}
      ${what === 'all' ? html`<${Field} label=${t('Why, if keys would go back')} hint=${t('Keys that were used already must not be used again; without a reason that is refused.')}>
        ${(id, hint) => html`<input id=${id} aria-describedby=${hint} maxlength=${LONGEST_REASON} disabled=${busy} value=${reason} onInput=${(event) => setReason(event.target.value)} />`}<//>` : null}`}
    <${Problem} error=${error} />
    <div class="actions">
      ${done || preview || asking ? null : html`<${Button} kind="second" onClick=${ask}>${t('Preview')}<//>`}
      ${done || error ? null : html`<${Button} kind="danger" busy=${busy} disabled=${!preview} onClick=${restore}>${t('Restore now')}<//>`}
      <${Button} kind="second" onClick=${onClose}>${t('Close')}<//>
    </div>
  <//>`;
}

/** What an order would change. An answer to another order than the present one is none; why one was refused stays until the next is asked. */
function usePreview(address, order) {
  const [answer, setAnswer] = useState({});
  const [asking, setAsking] = useState(true);
  const turns = useRef({ last: 0, before: Promise.resolve() });
  const wanted = JSON.stringify(order);
  const ask = () => {
    const mine = (turns.current.last += 1);
    const isLast = () => mine === turns.current.last;
    setAnswer({});
    setAsking(true);
    const look = async () => {
      if (!isLast()) return;
      const found = await post(address, { ...order, dry_run: true }).then((preview) => ({ preview }), (error) => ({ error }));
      if (!isLast()) return;
      setAnswer({ ...found, of: wanted });
      setAsking(false);
    };
    // One after the other: the gateway refuses a second one while it still looks.
    turns.current.before = turns.current.before.then(look);
  };
  return { ask, asking, preview: answer.of === wanted ? answer.preview : null, error: answer.error, refuse: (error) => setAnswer({ error }) };
}

function Choice({ value, chosen, onChoose, text }) {
  const id = `restore-${value}`;
  return html`<div class="check"><input type="radio" name="what" id=${id} checked=${chosen === value} onChange=${() => onChoose(value)} /><label for=${id}>${text}</label></div>`;
}

function Changes({ of }) {
  if (!of.length) return html`<p class="soft">${t('Nothing: it is as in the backup.')}</p>`;
  return html`<ul>${of.map((line, at) => html`<li key=${at}>${line}</li>`)}</ul>`;
}

function Notes({ of }) {
  return of.notes?.length ? html`<ul class="soft">${of.notes.map((note, at) => html`<li key=${at}>${note}</li>`)}</ul>` : null;
}
