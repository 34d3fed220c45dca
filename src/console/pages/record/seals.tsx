import { CircleAlert, ShieldCheck, Stamp } from 'lucide';
import { useState } from 'preact/hooks';
import { type AnswerOf, answer, api } from '../../api/client.ts';
import { usePages } from '../../api/use-pages.ts';
import { useWork } from '../../api/use-work.ts';
import { clock } from '../../components/ago.tsx';
import { Empty } from '../../components/empty.tsx';
import { Icon } from '../../components/icon.tsx';
import { Page } from '../../components/page.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { Table } from '../../components/table.tsx';
import { Parts } from './parts.tsx';

type Comparison = AnswerOf<Awaited<ReturnType<typeof api.seals.comparison.$get>>>;

const kinds: Readonly<Record<string, string>> = {
  event: 'events',
  handling: 'what became of events',
  retired: 'old events were removed',
  restored: 'the database was restored',
};

/** The seals of the record, and whether it is as it was sealed. */
export const Seals = () => {
  const seals = usePages(async (after) => {
    const page = await answer(api.seals.$get({ query: { limit: '50', ...(after ? { after } : {}) } }));
    return { rows: page.seals, next: page.next };
  }, []);
  return (
    <Page
      title="Seals"
      lead="Every ten seconds what was written is sealed by a hash that includes the seal before. Who changes the record afterwards breaks the chain."
      toolbar={<Parts />}
    >
      <Verify />
      <ProblemNote problem={seals.problem} onRetry={seals.reload} />
      {seals.rows && (
        <Table
          label="Seals"
          rows={seals.rows}
          keyOf={({ number }) => String(number)}
          onMore={seals.more}
          columns={[
            { title: 'Seal', isNumber: true, cell: ({ number }) => <strong>{number}</strong> },
            { title: 'Sealed', cell: ({ sealed_at }) => <span class="number">{clock(sealed_at)}</span> },
            { title: 'Of', cell: ({ kind }) => kinds[kind] ?? kind },
            { title: 'Rows', isNumber: true, cell: ({ row_count }) => row_count.toLocaleString('en') },
            {
              title: 'Digest',
              isMinor: true,
              cell: ({ digest }) => <code class="faint digest">{digest}</code>,
            },
          ]}
          empty={
            <Empty icon={Stamp} title="Nothing is sealed yet">
              A worker seals what is complete every ten seconds.
            </Empty>
          }
        />
      )}
    </Page>
  );
};

const Verify = () => {
  const [seen, setSeen] = useState<{
    compared: number;
    seals: number;
    findings: Comparison['findings'];
    isDone: boolean;
  }>();
  const { problem, isBusy, run } = useWork();
  const verify = () =>
    run(async () => {
      const findings: Comparison['findings'][number][] = [];
      let compared = 0;
      for (let first: number | null = 1; first !== null; ) {
        const part: Comparison = await answer(api.seals.comparison.$get({ query: { first: String(first) } }));
        findings.push(...part.findings);
        compared += part.compared;
        first = findings.length < 10 ? part.next : null;
        setSeen({ compared, seals: part.seals, findings, isDone: first === null });
      }
    });
  const isGood = seen?.isDone && seen.findings.length === 0;
  return (
    <section class="card verify" aria-label="Verify">
      <button type="button" class="button primary" disabled={isBusy} onClick={verify}>
        <Icon of={ShieldCheck} size={18} />
        Verify the record
      </button>
      <p role="status" data-good={isGood ? '' : undefined}>
        {!seen && 'Compares every event with its seal, from the first one on.'}
        {seen && !seen.isDone && `${seen.compared} of ${seen.seals} seals compared…`}
        {isGood && `Every row is as it was sealed, in ${seen.compared} seals.`}
        {seen && seen.findings.length > 0 && 'The record is not as it was sealed:'}
      </p>
      <ProblemNote problem={problem} />
      {seen && seen.findings.length > 0 && (
        <ul class="lines">
          {seen.findings.map((finding) => (
            <li key={`${finding.seal} ${finding.what} ${finding.row_id}`}>
              <Icon of={CircleAlert} size={18} />
              <span>
                <strong>{finding.what.replaceAll('_', ' ')}</strong>
                {finding.seal !== null && ` in seal ${finding.seal}`}: {finding.detail}{' '}
                <code class="faint">{finding.row_id}</code>
              </span>
            </li>
          ))}
        </ul>
      )}
      <p class="faint small">
        <code>watchpost verify</code> compares the tables with the record, too, and a seal that you have kept
        elsewhere.
      </p>
    </section>
  );
};
