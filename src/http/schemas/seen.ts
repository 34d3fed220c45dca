import { z } from 'zod';
import { searchOutcomes } from '../../watchlist/registry.ts';
import { count, id, similarity, text, time } from './fields.ts';

export const sighting = z
  .strictObject({
    id,
    person_id: id,
    person: text,
    watchlist: text,
    similarity,
    threshold: similarity,
    seen_at: time,
    seen_until: time.meta({ description: 'Of a track, when it was seen last; else as seen_at.' }),
    track_id: id.nullable().meta({ description: 'The track that it is of; null: of a single photo.' }),
    faces: count.meta({ description: 'Of the track; 1 of a single photo.' }),
    camera: text.nullable(),
    location: text.nullable(),
    zone: text.nullable(),
    image_id: id,
    face_id: id,
    alert_id: id.nullable(),
    retroactive: z.boolean().meta({ description: 'It was found by searching past photos.' }),
  })
  .meta({ id: 'Sighting' });

export const search = z
  .strictObject({
    id,
    face_id: id,
    image_id: id,
    camera: text.nullable(),
    captured_at: time,
    created_at: time,
    outcome: z.enum(searchOutcomes),
    gate: z.array(text),
    person_id: id.nullable().meta({ description: 'The most similar person, match or not.' }),
    person: text.nullable(),
    similarity: similarity.nullable(),
    reference_similarity: similarity.nullable(),
    watchlists: z.array(id).meta({ description: 'The lists that were searched.' }),
    model_id: text,
    method: z.enum(['exact', 'hnsw']),
    retroactive: z.boolean(),
    superseded_at: time.nullable().meta({ description: 'When a later search took its place.' }),
  })
  .meta({ id: 'Search' });

export const worker = z
  .strictObject({
    id,
    state: z.enum(['running', 'stopped', 'lost']),
    host: text,
    pid: count,
    version: text,
    concurrency: count.meta({ description: 'Jobs at a time; 0: it serves the API only.' }),
    tasks: z.array(text),
    models: z.array(text),
    started_at: time,
    last_seen: time,
    stopped_at: time.nullable(),
    lost_at: time.nullable().meta({ description: 'When its work was given to others.' }),
  })
  .meta({ id: 'Worker' });
