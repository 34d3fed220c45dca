import { MapPinned, Plus } from 'lucide';
import { useState } from 'preact/hooks';
import { type AnswerOf, answer, api, send } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { clock } from '../../components/ago.tsx';
import { confirm } from '../../components/confirm.tsx';
import { Empty } from '../../components/empty.tsx';
import { FormDialog, TextField } from '../../components/form.tsx';
import { Icon } from '../../components/icon.tsx';
import { Page } from '../../components/page.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { Scoped } from '../../components/scoped.tsx';
import { Table } from '../../components/table.tsx';
import { say, sayProblem } from '../../components/toast.tsx';
import { Parts } from './parts.tsx';

type Site = AnswerOf<Awaited<ReturnType<typeof api.sites.$get>>>['sites'][number];

/** The sites, which do not see each other. */
export const Sites = () => {
  const [open, setOpen] = useState<Site | 'new'>();
  const sites = useAnswer(() => answer(api.sites.$get()), []);
  const remove = async (site: Site) => {
    const yes = await confirm({
      title: `Remove the site ${site.name}?`,
      text: 'Only one to which no camera and no list belongs can be removed.',
      go: 'Remove',
      danger: true,
    });
    if (!yes) return;
    try {
      await send('DELETE', `/v1/sites/${site.id}`);
      say(`The site ${site.name} is removed.`);
      await sites.reload();
    } catch (thrown) {
      sayProblem(thrown);
    }
  };
  return (
    <Page
      title="Sites"
      lead="Each has cameras and lists of its own; a key that is bound to one sees nothing of the others."
      toolbar={
        <>
          <Parts />
          <Scoped scope="administer">
            <button type="button" class="button primary" onClick={() => setOpen('new')}>
              <Icon of={Plus} size={18} />
              New site
            </button>
          </Scoped>
        </>
      }
    >
      <ProblemNote problem={sites.problem} onRetry={() => void sites.reload()} />
      {sites.data && (
        <Table
          label="Sites"
          rows={sites.data.sites}
          keyOf={({ id }) => id}
          columns={[
            { title: 'Name', by: ({ name }) => name, cell: ({ name }) => <strong>{name}</strong> },
            {
              title: 'Cameras',
              isNumber: true,
              by: ({ cameras }) => cameras,
              cell: ({ cameras }) => cameras,
            },
            {
              title: 'Lists',
              isNumber: true,
              by: ({ watchlists }) => watchlists,
              cell: ({ watchlists }) => watchlists,
            },
            {
              title: 'Database users',
              cell: ({ members }) => members.join(', ') || <span class="faint">none</span>,
            },
            { title: 'Since', isMinor: true, cell: ({ created_at }) => clock(created_at) },
            {
              title: 'Actions',
              cell: (site) => (
                <span class="row-actions">
                  <button type="button" class="button" onClick={() => setOpen(site)}>
                    Rename<span class="visually-hidden"> {site.name}</span>
                  </button>
                  <button type="button" class="button danger" onClick={() => void remove(site)}>
                    Remove<span class="visually-hidden"> {site.name}</span>
                  </button>
                </span>
              ),
            },
          ]}
          empty={<Empty icon={MapPinned} title="No site" />}
        />
      )}
      {open && (
        <FormDialog
          title={open === 'new' ? 'New site' : `Rename ${open.name}`}
          go={open === 'new' ? 'Add' : 'Rename'}
          onClose={() => setOpen(undefined)}
          onSave={async (fields) => {
            const name = fields.text('name');
            if (open === 'new') await send('POST', '/v1/sites', { name });
            else await send('PATCH', `/v1/sites/${open.id}`, { name });
            say(`The site ${name} is ${open === 'new' ? 'added' : 'renamed'}.`);
            setOpen(undefined);
            await sites.reload();
          }}
        >
          <TextField
            label="Name"
            name="name"
            value={open === 'new' ? '' : open.name}
            required
            maxLength={200}
          />
        </FormDialog>
      )}
    </Page>
  );
};
