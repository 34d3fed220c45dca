import type { TestDatabase } from './database.ts';
import { addFace } from './fabricate.ts';

/** A face that was searched and matched nobody, as the match stage would have written it. */
export const addUnknown = async (
  database: TestDatabase,
  face: Parameters<typeof addFace>[1],
): Promise<{ imageId: string; faceId: string; embeddingId: string }> => {
  const made = await addFace(database, face);
  await searchAgain(database, [made.embeddingId]);
  return made;
};

/** Searches these embeddings in this order; they match nobody, and earlier searches of them are superseded. */
export const searchAgain = async (database: TestDatabase, embeddingIds: readonly string[]): Promise<void> => {
  await database.rows(
    'update watchpost.search set superseded_at = now() where embedding_id = any ($1) and superseded_at is null',
    [embeddingIds],
  );
  await database.rows(
    `insert into watchpost.search (embedding_id, face_id, model_id, watchlists, method, outcome, gate)
     select e.id, f.id, e.model_id, '{}', 'exact', 'nobody', f.gate
     from unnest($1::uuid[]) with ordinality as wanted (id, place)
     join watchpost.embedding as e on e.id = wanted.id
     join watchpost.face as f on f.id = e.face_id
     order by wanted.place`,
    [embeddingIds],
  );
};

/** Runs the task until nothing is left to do. */
export const groupStrangers = async (database: TestDatabase, most = 500): Promise<void> => {
  for (;;) {
    const [run] = await database.rows<{ more: boolean }>('select more from watchpost.group_strangers($1)', [
      most,
    ]);
    if (!run?.more) return;
  }
};
