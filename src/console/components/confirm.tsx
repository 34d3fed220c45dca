import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { Dialog } from './dialog.tsx';

interface Question {
  readonly title: string;
  /** What follows from yes. */
  readonly text: ComponentChildren;
  /** The words on the button for yes: a verb, as "Delete". */
  readonly go: string;
  /** Whether it cannot be undone. */
  readonly danger?: boolean;
}

const asked = signal<(Question & { answer: (yes: boolean) => void }) | undefined>(undefined);

/** Asks before something is done: `if (await confirm({ title: 'Delete Ada?', text: '…', go: 'Delete', danger: true })) …`. */
export const confirm = (question: Question): Promise<boolean> =>
  new Promise((resolve) => {
    asked.value = {
      ...question,
      answer: (yes) => {
        asked.value = undefined;
        resolve(yes);
      },
    };
  });

/** Where questions appear; once, in the layout. */
export const ConfirmHost = () => {
  const question = asked.value;
  if (!question) return null;
  return (
    <Dialog
      title={question.title}
      onClose={() => question.answer(false)}
      actions={
        <>
          <button type="button" class="button" onClick={() => question.answer(false)}>
            Cancel
          </button>
          <button
            type="button"
            class={question.danger ? 'button danger' : 'button primary'}
            onClick={() => question.answer(true)}
          >
            {question.go}
          </button>
        </>
      }
    >
      <p>{question.text}</p>
    </Dialog>
  );
};
