// Gives a backup back: what would change is shown first; an older ratchet is refused without a reason.
import { path, post } from './api.js';
import { stamp } from './figures.js';
import { Button, Dialog, Field, html, Problem, useAction, useEffect, useState } from './ui.js';
import { t, w } from './words.js';

const RATCHETS = {
  kept: w('The encryption state with contacts stays.'),
  dropped: w('The encryption state with contacts is agreed anew: one automatic retry for each contact.'),
};

export function Restore({ session, backup, onClose }) {
  const [what, setWhat] = useState('credentials');
  const [reason, setReason] = useState('');
  const [preview, setPreview] = useState(null);
  const [done, setDone] = useState(null);
  const { run, busy, error } = useAction();
  const ask = (dry_run) => post(path`api/sessions/${session}/restore`, { backup: backup.id, what, dry_run, ...(reason ? { force_reason: reason } : {}) });
  useEffect(() => {
    setPreview(null);
    run(async () => setPreview(await ask(true)));
  }, [what]);
  return html`<${Dialog} title=${t('Restore {name}', { name: session })} onClose=${onClose}>
    <p>${t('The backup of {moment}.', { moment: stamp(backup.created_at) })}</p>
    ${done ? html`<div role="status"><p>${done.applied ? t('Restored.') : t('Nothing was changed.')}</p>${done.needs_qr ? html`<p class="problem">${t('The number must be linked again afterwards.')}</p>` : null}<${Notes} of=${done} /></div>` : html`
      <fieldset><legend>${t('What')}</legend>
        <${Choice} value="credentials" chosen=${what} onChoose=${setWhat} text=${t('The login alone (usual)')} />
        <${Choice} value="all" chosen=${what} onChoose=${setWhat} text=${t('Everything, also the keys of contacts')} />
      </fieldset>
      ${preview ? html`<h3>${t('This would change')}</h3><${Changes} of=${preview.changes} />
        <p class="note">${RATCHETS[preview.ratchet] ? t(RATCHETS[preview.ratchet]) : ''}</p><${Notes} of=${preview} />` : busy ? html`<p role="status">${t('Looking at what would be done …')}</p>` : null}
      ${what === 'all' ? html`<${Field} label=${t('Why, if keys would go back')} hint=${t('Keys that were used already must not be used again; without a reason that is refused.')}>
        ${(id, hint) => html`<input id=${id} aria-describedby=${hint} value=${reason} onInput=${(event) => setReason(event.target.value)} />`}<//>` : null}`}
    <${Problem} error=${error} />
    <div class="actions">
      ${done ? null : html`<${Button} kind="danger" busy=${busy} onClick=${() => run(async () => setDone(await ask(false)))}>${t('Restore now')}<//>`}
      <${Button} kind="second" onClick=${onClose}>${t('Close')}<//>
    </div>
  <//>`;
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
