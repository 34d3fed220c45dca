import { Hono } from 'hono';
import { z } from 'zod';
import {
  legalBasis,
  listOf,
  metadata,
  moment,
  name,
  nextOf,
  pageLimit,
  searchWord,
  text,
  token,
} from '../fields.ts';
import {
  addPerson,
  findPersons,
  mergePersons,
  readPerson,
  removePerson,
  setPerson,
  unmergePersons,
} from '../watchlist/registry.ts';
import { asCaller, transactions } from './as-caller.ts';
import { idIn } from './body.ts';
import { cannotLinks } from './cannot-links.ts';
import { operation } from './operation.ts';
import { personPhotos } from './person-photos.ts';
import { personReport } from './person-report.ts';
import * as answer from './schemas/persons.ts';
import type { Served, Services } from './services.ts';
import { whereabouts } from './whereabouts.ts';

const newPerson = z.strictObject({
  name,
  external_ref: token.nullable().optional(),
  metadata: metadata.optional(),
  legal_basis: legalBasis.optional(),
  keep_until: moment.nullable().optional(),
  watchlists: listOf(searchWord).optional(),
});
const changes = z.strictObject({
  name: name.optional(),
  external_ref: token.nullable().optional(),
  metadata: metadata.optional(),
  legal_basis: legalBasis.optional(),
  keep_until: moment.nullable().optional(),
});
const filter = z.strictObject({
  name: searchWord.optional().meta({ description: 'The beginning of the name.' }),
  query: searchWord.optional().meta({ description: 'Any part of the name, in capitals or not.' }),
  external_ref: token.optional(),
  watchlist: searchWord.optional(),
  after: z.guid().optional(),
  limit: pageLimit,
});

const merging = z.strictObject({ merged_id: z.guid(), note: text.optional() });
const undoing = z.strictObject({ note: text.optional() });

/**
 * POST and GET /v1/persons; GET, PATCH and DELETE /v1/persons/{id}; POST …/merge, which gives this person everything of
 * another, and POST …/unmerge, which gives a person who was merged everything back; the routes of their photos, of where
 * they were seen, and of who they are not.
 */
export const persons = (services: Services) =>
  new Hono<Served>()
    .post(
      '/',
      operation({
        summary: 'Add a person',
        scope: 'enrol',
        body: newPerson,
        creates: true,
        answers: { 201: answer.person },
        errors: [
          'name_taken',
          'watchlist_unknown',
          'watchlist_required',
          'watchlist_expired',
          'legal_basis_invalid',
        ],
      }),
      async (c) => {
        const wanted = c.req.valid('json');
        const person = await asCaller(c, (trx) => addPerson(trx, wanted));
        c.header('Location', `/v1/persons/${person.id}`);
        return c.json(person, 201);
      },
    )

    .get(
      '/',
      operation({
        summary: 'List people',
        scope: 'read',
        query: filter,
        answers: { 200: answer.personPage },
        errors: ['watchlist_unknown'],
      }),
      async (c) => {
        const wanted = c.req.valid('query');
        const found = await findPersons(c.get('db'), wanted);
        return c.json({ persons: found, next: nextOf(found, wanted.limit, ({ id }) => id) });
      },
    )

    .get(
      '/:id',
      operation({
        summary: 'A person with their lists and photos',
        description:
          'The id of somebody who was merged leads to the survivor; Content-Location says whose it is.',
        scope: 'read',
        answers: { 200: answer.personReport },
        errors: ['person_unknown'],
      }),
      async (c) => {
        const person = await readPerson(c.get('db'), idIn(c));
        // Another id than was asked for, if that person was merged.
        c.header('Content-Location', `/v1/persons/${person.id}`);
        return c.json(person);
      },
    )

    .patch(
      '/:id',
      operation({
        summary: 'Change a person',
        scope: 'enrol',
        body: changes,
        answers: { 200: answer.person },
        errors: ['person_unknown', 'person_merged', 'name_taken', 'legal_basis_invalid'],
      }),
      async (c) => {
        const id = idIn(c);
        const wanted = c.req.valid('json');
        return c.json(await asCaller(c, (trx) => setPerson(trx, id, wanted)));
      },
    )

    .delete(
      '/:id',
      operation({
        summary: 'Delete a person with their photos and what they were matched to',
        scope: 'administer',
        answers: { 204: null },
        errors: ['person_unknown', 'person_merged', 'evidence_kept'],
      }),
      async (c) => {
        const id = idIn(c);
        await removePerson(transactions(c), id);
        return c.body(null, 204);
      },
    )

    .post(
      '/:id/merge',
      operation({
        summary: 'Give this person everything of another, who is the same',
        scope: 'enrol',
        creates: true,
        body: merging,
        answers: { 200: answer.merge },
        errors: ['person_unknown', 'person_merged', 'merge_self', 'merge_refused'],
      }),
      async (c) => {
        const keep = idIn(c);
        const { merged_id, note } = c.req.valid('json');
        const merged = merged_id.toLowerCase();
        return c.json(await asCaller(c, (trx) => mergePersons(trx, { keep, merged }, note)));
      },
    )

    .post(
      '/:id/unmerge',
      operation({
        summary: 'Give a person who was merged everything back',
        scope: 'enrol',
        body: undoing,
        optionalBody: true,
        answers: { 200: answer.merge },
        errors: ['person_unknown', 'merge_missing', 'merge_not_latest'],
      }),
      async (c) => {
        const id = idIn(c);
        const { note } = c.req.valid('json');
        return c.json(await asCaller(c, (trx) => unmergePersons(trx, id, note)));
      },
    )

    .route('/', whereabouts())
    .route('/', cannotLinks())
    .route('/', personReport())
    .route('/', personPhotos(services));
