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
      ${plan && isNeeded(plan) && !done ? html`<${Button} busy=${busy} onClick=${() => run(async () => setDone(await post(address, { dry_run: false })))}>${t('Repair now')}<//>` : null}
      <${Button} kind="second" onClick=${onClose}>${t('Close')}<//>
    </div>
  <//>`;
}

function Plan({ of }) {
  if (!isNeeded(of)) return html`<${Empty}>${t('Nothing has to be repaired.')}<//><${Notes} of=${of} />`;
  const steps = of.plan ?? [];
  return html`<p>${steps.length ? t('This would be done, after a backup. Nothing was changed yet.') : t('Something is wrong, but no step is planned for it. Nothing was changed yet.')}</p>
    <ul>${steps.map((step, at) => html`<li key=${at}>${step.description ?? step.repair}${step.peer ? ` · ${step.peer}` : ''} ${step.path ? html`<span class="soft mono">${step.path}</span>` : null}</li>`)}</ul>
    ${of.needs_qr ? html`<p class="problem">${t('The number must be linked again afterwards.')}</p>` : of.login_kept ? html`<p class="note">${t('The login stays: no new scan.')}</p>` : null}<${Notes} of=${of} />`;
}

/** A plan without steps is not enough to say that nothing is wrong. */
function isNeeded(plan) {
  return plan.plan?.length > 0 || plan.healthy === false;
}

function Outcome({ of }) {
  return html`<div role="status"><p>${of.applied ? t('Repaired.') : t('Nothing was changed.')} ${of.healthy ? t('The session is healthy.') : t('Something is still wrong.')}</p>
    ${of.backup ? html`<p class="soft">${t('Backup')}: <span class="mono">${of.backup}</span></p>` : null}<${Notes} of=${of} /></div>`;
}

function Notes({ of }) {
  return of.notes?.length ? html`<ul class="soft">${of.notes.map((note, at) => html`<li key=${at}>${note}</li>`)}</ul>` : null;
}
