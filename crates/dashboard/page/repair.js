// A repair: first the plan, and only then what it says.
import { path, post } from './api.js';
import { Button, Dialog, Empty, html, Problem, useAction, useEffect, useState } from './ui.js';
import { t } from './words.js';

export function Repair({ session, onClose }) {
  const [plan, setPlan] = useState(null);
  const [done, setDone] = useState(null);
  const { run, busy, error } = useAction();
  const address = path`api/sessions/${session}/repair`;
  useEffect(() => {
    run(async () => setPlan(await post(address, { dry_run: true })));
  }, []);
  return html`<${Dialog} title=${t('Repair {name}', { name: session })} onClose=${onClose}>
    <${Problem} error=${error} />
    ${busy && !plan ? html`<p role="status">${t('Looking at what would be done …')}</p>` : null}
    ${done ? html`<${Outcome} of=${done} />` : plan ? html`<${Plan} of=${plan} />` : null}
    <div class="actions">
      ${plan?.plan?.length && !done ? html`<${Button} busy=${busy} onClick=${() => run(async () => setDone(await post(address, { dry_run: false })))}>${t('Repair now')}<//>` : null}
      <${Button} kind="second" onClick=${onClose}>${t('Close')}<//>
    </div>
  <//>`;
}

function Plan({ of }) {
  if (!of.plan?.length) return html`<${Empty}>${t('Nothing has to be repaired.')}<//><${Notes} of=${of} />`;
  return html`<p>${t('This would be done, after a backup. Nothing was changed yet.')}</p>
    <ul>${of.plan.map((step, at) => html`<li key=${at}>${step.description ?? step.repair}${step.peer ? ` · ${step.peer}` : ''} ${step.path ? html`<span class="soft mono">${step.path}</span>` : null}</li>`)}</ul>
    <p class=${of.needs_qr ? 'problem' : 'note'}>${of.needs_qr ? t('The number must be linked again afterwards.') : t('The login stays: no new scan.')}</p><${Notes} of=${of} />`;
}

function Outcome({ of }) {
  return html`<div role="status"><p>${of.applied ? t('Repaired.') : t('Nothing was changed.')} ${of.healthy ? t('The session is healthy.') : t('Something is still wrong.')}</p>
    ${of.backup ? html`<p class="soft">${t('Backup')}: <span class="mono">${of.backup}</span></p>` : null}<${Notes} of=${of} /></div>`;
}

function Notes({ of }) {
  return of.notes?.length ? html`<ul class="soft">${of.notes.map((note) => html`<li>${note}</li>`)}</ul>` : null;
}
