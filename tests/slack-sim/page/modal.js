// The two dialogs: the top view of the app's modal stack, and the question before a button with `confirm`.
//
// Everything below is inert while one is open (app.js), so the focus stays inside without a trap of our own.

import { h } from './dom.js';
import { store, changed, act, refresh, notice, errorsShownAgain } from './store.js';
import { textObject, textOf } from './text.js';
import { blocks } from './blocks.js';
import { avatar } from './shell.js';

export function modal() {
  const view = store.state?.view;
  if (!view) return null;
  const where = { kind: 'view', id: view.id };
  const working = store.ui.submitting === view.id || view.loading;
  const trouble = store.ui.trouble?.view === view.id && store.ui.trouble.text;
  const send = () => submit(view);
  const pushed = view.stack_depth > 1;
  const submitText = textOf(view.submit) || (view.blocks?.some((block) => block.type === 'input') ? 'Submit' : null);
  return h('div', { class: 'backdrop' },
    h('div', { key: view.id, class: 'modal', role: 'dialog', 'aria-modal': 'true', 'aria-labelledby': 'modal-title', 'aria-busy': working ? 'true' : undefined, tabindex: '-1', mounted: focusFirst },
      h('form', { class: 'modal-form', novalidate: true, onsubmit: (event) => (event.preventDefault(), send()) },
        h('header', { class: 'modal-head', key: 'head' },
          pushed && h('button', { type: 'button', class: 'btn-plain', 'aria-label': 'Back', key: 'back', onclick: () => close(view, false) }, '‹'),
          avatar(store.app.bot_user_id, store.app.name, true),
          h('h2', { id: 'modal-title' }, textOf(view.title)),
          h('button', { type: 'button', class: 'btn-plain modal-x', 'aria-label': 'Close dialog', key: 'x', onclick: () => close(view, pushed) }, '×')),
        h('div', { class: 'modal-body blocks', key: 'body' }, blocks(where, view.blocks, send)),
        trouble && h('p', { class: 'modal-trouble field-error', role: 'alert', key: 'trouble' }, trouble),
        h('footer', { class: 'modal-foot', key: 'foot' },
          h('button', { type: 'button', class: 'btn', onclick: () => close(view, false) }, textOf(view.close) || (submitText ? 'Cancel' : 'Close')),
          submitText && h('button', { type: 'submit', class: 'btn btn-primary', 'aria-disabled': working ? 'true' : undefined, key: 'submit' }, working && h('span', { class: 'spinner', 'aria-hidden': 'true' }), submitText)))));
}

async function submit(view) {
  if (store.ui.submitting || view.loading) return;
  store.ui.submitting = view.id;
  store.ui.trouble = null;
  errorsShownAgain();
  changed();
  const answer = await act({ action: 'submit', view_id: view.id }, { quiet: true });
  await refresh();
  store.ui.submitting = null;
  if (!answer.ok) failed(view, answer.error || 'That did not work. Try again.');
  changed();
  // After the drawing that `changed` asked for.
  setTimeout(() => {
    const wrong = document.querySelector('.modal [aria-invalid]');
    if (wrong) wrong.focus();
    else if (answer.result === 'updated') focusAgain();
  });
}

/** The dialog says it itself, until the next try; one that is gone cannot. */
function failed(view, text) {
  if (store.state?.view?.id === view.id) store.ui.trouble = { view: view.id, text };
  else notice(text);
}

/** The dialog shows something else now, and its button, which has the focus, is the last thing in it. */
function focusAgain() {
  const dialog = document.querySelector('.modal');
  if (dialog) focusFirst(dialog);
}

export async function close(view, clear) {
  await act({ action: 'close', view_id: view.id, clear });
  await refresh();
}

/** A dialog that opens takes the focus, to its first field where that does not pop anything up. */
export function focusFirst(dialog) {
  const field = dialog.querySelector('[data-focus]') ?? dialog.querySelector('.modal-body input, .modal-body textarea, .modal-body select');
  if (field && field.getAttribute('role') !== 'combobox') field.focus({ preventScroll: true });
  else dialog.focus({ preventScroll: true });
}

export function confirmation() {
  const asked = store.ui.confirm;
  if (!asked) return null;
  const { dialog, then } = asked;
  const done = (yes) => {
    store.ui.confirm = null;
    changed();
    if (yes) then();
  };
  return h('div', { class: 'backdrop backdrop-top', key: 'confirm' },
    h('div', { class: 'modal confirm', role: 'alertdialog', 'aria-modal': 'true', 'aria-labelledby': 'confirm-title', 'aria-describedby': 'confirm-text', tabindex: '-1',
      mounted: (el) => el.querySelector('.confirm-yes')?.focus() },
      h('header', { class: 'modal-head' }, h('h2', { id: 'confirm-title' }, textOf(dialog.title) || 'Are you sure?')),
      h('div', { class: 'modal-body', id: 'confirm-text' }, textObject(dialog.text)),
      h('footer', { class: 'modal-foot' },
        h('button', { type: 'button', class: 'btn', onclick: () => done(false) }, textOf(dialog.deny) || 'Cancel'),
        h('button', { type: 'button', class: `btn btn-${dialog.style ?? 'primary'} confirm-yes`, onclick: () => done(true) }, textOf(dialog.confirm) || 'OK'))));
}
