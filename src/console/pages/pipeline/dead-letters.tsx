import { MailCheck, RotateCcw } from 'lucide';
import { answer, api, send } from '../../api/client.ts';
import { usePages } from '../../api/use-pages.ts';
import { Ago } from '../../components/ago.tsx';
import { Empty } from '../../components/empty.tsx';
import { Icon } from '../../components/icon.tsx';
import { Page } from '../../components/page.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { Table } from '../../components/table.tsx';
import { say, sayProblem } from '../../components/toast.tsx';
import { Parts } from './parts.tsx';

/** What was given up, with the reason, to be put back. */
export const DeadLetters = () => {
  const letters = usePages(async (after) => {
    const page = await answer(
      api['dead-letters'].$get({ query: { limit: '50', ...(after ? { after } : {}) } }),
    );
    return { rows: page.dead_letters, next: page.next };
  }, []);
  const putBack = async ({ id, task }: { id: string; task: string }) => {
    try {
      const { replayed } = await send<{ replayed: boolean }>('POST', `/v1/dead-letters/${id}/replay`, {});
      say(replayed ? `It is put back: ${task} tries it again.` : 'It was put back before.');
      letters.reload();
    } catch (thrown) {
      sayProblem(thrown);
    }
  };
  return (
    <Page
      title="Dead letters"
      lead="What failed for good, or too often. Mend the reason, then put it back."
      toolbar={<Parts />}
    >
      <ProblemNote problem={letters.problem} onRetry={letters.reload} />
      {letters.rows && (
        <Table
          label="Dead letters"
          rows={letters.rows}
          keyOf={({ id }) => id}
          onMore={letters.more}
          columns={[
            { title: 'Task', by: ({ task }) => task, cell: ({ task }) => <strong>{task}</strong> },
            {
              title: 'Why',
              cell: ({ code, error }) => (
                <>
                  {error} {code && <code class="faint">{code}</code>}
                </>
              ),
            },
            { title: 'Attempts', isNumber: true, cell: ({ attempts }) => attempts },
            { title: 'Given up', cell: ({ died_at }) => <Ago time={died_at} /> },
            {
              title: 'Photo',
              cell: ({ image_id, topic }) =>
                image_id ? (
                  <a href={`/console/pipeline/images/${image_id}`}>timeline</a>
                ) : (
                  <span class="faint">{topic}</span>
                ),
            },
            {
              title: 'Actions',
              cell: (letter) => (
                <button type="button" class="button" onClick={() => void putBack(letter)}>
                  <Icon of={RotateCcw} size={16} />
                  Put back
                </button>
              ),
            },
          ]}
          empty={
            <Empty icon={MailCheck} title="No dead letter">
              Everything that was begun has come to its end.
            </Empty>
          }
        />
      )}
    </Page>
  );
};
