import { migrate } from '../../src/database/migrate.ts';
import { openDatabase } from '../../src/database/pool.ts';
import { openLog } from '../../src/log.ts';
import { loadVision } from '../../src/vision/index.ts';
import { addCamera, addPerson, addPersonPhoto, addWatchlist } from '../../src/watchlist/registry.ts';
import { type Album, prepareAlbum } from './photos.ts';

/** Counts the faces of the album's photos with the real models, which are then closed. */
export const openAlbum = async (): Promise<Album> => {
  const vision = await loadVision();
  try {
    return await prepareAlbum(vision);
  } finally {
    await vision.close();
  }
};

/** A migrated database with cameras, and with Ada on a list; her photo waits for a worker. */
export const install = async (url: string, album: Album): Promise<void> => {
  const log = openLog('silent');
  const database = openDatabase(url, { log });
  try {
    await migrate(database.pool, log);
    await addCamera(database.db, { name: 'north-gate', location: 'North gate', zone: 'outside' });
    await addCamera(database.db, { name: 'south-gate', location: 'South gate', zone: 'outside' });
    await addCamera(database.db, { name: 'lobby', location: 'Lobby' });
    // Sightings within a minute are one alert: over two hours, most open one and some extend one.
    await addWatchlist(database.db, { name: 'wanted', cooldown_seconds: 60 });
    const ada = await addPerson(database.db, { name: 'Ada', watchlists: ['wanted'] });
    await addPersonPhoto(database, { personId: ada.id, bytes: album.ada, chosenFace: 2 });
  } finally {
    await database.close();
  }
};
