import {
  addMember,
  addSite,
  findSite,
  readSites,
  removeMember,
  removeSite,
  renameSite,
} from '../watchlist/registry.ts';
import { connect } from './program/connect.ts';
import { print } from './program/io.ts';
import { named, searched, tokenOption } from './program/options.ts';
import type { AddCommand } from './program/session.ts';
import { printRows } from './program/table.ts';

/** site: parts of the installation that do not see each other, and the database users who see each. */
export const siteCommand: AddCommand = (program, session) => {
  const site = program.command('site').description('Sites, which do not see each other');
  for (const add of [siteAdd, siteList, siteRename, siteRemove]) add(site, session);
  const member = site.command('member').description('Database users and roles that see a site');
  for (const add of [memberAdd, memberRemove]) add(member, session);
};

const siteAdd: AddCommand = (site, session) =>
  site
    .command('add')
    .description('Add a site')
    .argument('<name>', '', named)
    .action(
      session.action(async (context, name: string) => {
        const { db } = await connect(context);
        const added = await addSite(db, name);
        print(context.io, `${added.name}  ${added.id}`, added);
      }),
    );

const siteList: AddCommand = (site, session) =>
  site
    .command('list')
    .description('Every site, and the database users who are its members')
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, options: { json?: boolean }) => {
        const { db } = await connect(context);
        printRows(context.io, await readSites(db), {
          ...options,
          columns: ({ name, cameras, watchlists, members, id }) => ({
            name,
            cameras,
            watchlists,
            members: members.join(', '),
            id,
          }),
        });
      }),
    );

const siteRename: AddCommand = (site, session) =>
  site
    .command('rename')
    .description('Rename a site')
    .argument('<name>', 'name or id', searched)
    .argument('<new>', 'another name', named)
    .action(
      session.action(async (context, name: string, renamed: string) => {
        const { db } = await connect(context);
        const site = await renameSite(db, await findSite(db, name), renamed);
        print(context.io, `${site.name}  ${site.id}`, site);
      }),
    );

const siteRemove: AddCommand = (site, session) =>
  site
    .command('remove')
    .description('Remove a site to which nothing belongs')
    .argument('<name>', 'name or id', searched)
    .action(
      session.action(async (context, name: string) => {
        const { db } = await connect(context);
        await removeSite(db, await findSite(db, name));
        print(context.io, `${name} is removed`, { site: name, done: 'remove' });
      }),
    );

const memberAdd: AddCommand = (member, session) =>
  member
    .command('add')
    .description('Let a database user, or the members of a role, see a site')
    .argument('<role>', 'a user or role of the server', tokenOption)
    .argument('<site>', 'name or id', searched)
    .action(
      session.action(async (context, role: string, site: string) => {
        const { db } = await connect(context);
        await addMember(db, await findSite(db, site), role);
        print(context.io, `${role} sees ${site}`, { role, site, member: true });
      }),
    );

const memberRemove: AddCommand = (member, session) =>
  member
    .command('remove')
    .description('Take a site from a database user or role')
    .argument('<role>', 'a user or role of the server', tokenOption)
    .argument('<site>', 'name or id', searched)
    .action(
      session.action(async (context, role: string, site: string) => {
        const { db } = await connect(context);
        await removeMember(db, await findSite(db, site), role);
        print(context.io, `${role} is no member of ${site} any more`, { role, site, member: false });
      }),
    );
