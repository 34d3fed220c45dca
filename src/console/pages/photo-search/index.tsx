import { useEffect, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { answer, api, send } from '../../api/client.ts';
import { useWork } from '../../api/use-work.ts';
import { ChooseFace } from '../../components/choose-face.tsx';
import { Page } from '../../components/page.tsx';
import { PhotoDrop } from '../../components/photo-drop.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { knownOf, nearestOf, type PhotoSearch } from './found.ts';
import { Results } from './results.tsx';
import './search.css';

/** A photo that was searched with. */
interface Searched {
  readonly photo: Blob;
  readonly found: PhotoSearch;
  readonly chosen: number;
}

const search = (photo: Blob): Promise<PhotoSearch> => {
  const form = new FormData();
  form.append('image', photo, 'photo');
  form.append('past', 'true');
  form.append('strangers', 'true');
  form.append('most', '12');
  return send<PhotoSearch>('POST', '/v1/search', form);
};

/** The photo of a stored face, searched with, and which of its faces it is. */
const searchFace = async (id: string): Promise<Searched> => {
  const face = await answer(api.faces[':id'].$get({ param: { id } }));
  const answered = await api.images[':id'].photo.$get({ param: { id: face.image_id }, query: {} });
  const photo = await readPhoto(answered);
  const found = await search(photo);
  return { photo, found, chosen: nearestOf(found.faces, face.box) };
};

const readPhoto = async (answered: Response): Promise<Blob> => {
  // Throws the problem, if it is one.
  if (!answered.ok) await answer(Promise.resolve(answered as Response & { ok: false }));
  return answered.blob();
};

/** Who is in a photo that is dropped, pasted or chosen, or in `?face=ID`: people, past faces and strangers by similarity. */
export default () => {
  const { query, route } = useLocation();
  const [searched, setSearched] = useState<Searched>();
  const { problem, isBusy, run } = useWork();
  const add = (file: File | undefined) =>
    run(async () => {
      if (!file) return;
      if (query.face) route('/console/search', true);
      const found = await search(file);
      setSearched({ photo: file, found, chosen: knownOf(found.faces) });
    });
  useEffect(() => {
    if (query.face) run(async () => setSearched(await searchFace(query.face as string)));
  }, [query.face]);
  const face = searched?.found.faces.find(({ ordinal }) => ordinal === searched.chosen);
  return (
    <Page
      title="Search"
      lead="Who is in a photo? It is compared, not stored; that it was is on record with your name."
    >
      <div class="search-desk" data-searched={searched ? '' : undefined}>
        <div class="form">
          {searched && (
            <>
              <ChooseFace
                file={searched.photo}
                found={searched.found}
                chosen={searched.chosen}
                names={Object.fromEntries(
                  searched.found.faces.map(({ ordinal, matches }) => [ordinal, matches[0]?.person]),
                )}
                onChoose={(chosen) => setSearched({ ...searched, chosen })}
              />
              {searched.found.faces.length > 1 && (
                <p class="faint">
                  {searched.found.faces.length} faces; the results are of face {searched.chosen} from the
                  left. Click another one.
                </p>
              )}
            </>
          )}
          <PhotoDrop
            label={searched ? 'Drop another photo' : 'Drop a photo'}
            paste
            disabled={isBusy}
            onPhotos={([file]) => add(file)}
          />
          <p role="status">{isBusy ? 'The photo is searched for…' : ''}</p>
          <ProblemNote problem={problem} />
        </div>
        {searched?.found.faces.length === 0 && <p role="status">No face was found in this photo.</p>}
        {face && <Results face={face} />}
      </div>
    </Page>
  );
};
