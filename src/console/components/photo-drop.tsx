import { ImageUp } from 'lucide';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Icon } from './icon.tsx';

/**
 * Where photos are dropped, pasted, or chosen by a click or a key.
 *
 * @param label what the photos are for, as "Drop a photo of the person".
 * @param several whether more than one may be given.
 * @param paste whether a photo that is pasted anywhere in the page is meant for it.
 */
export const PhotoDrop = ({
  label,
  onPhotos,
  several = false,
  paste = false,
  disabled = false,
}: {
  label: string;
  onPhotos: (files: readonly File[]) => void;
  several?: boolean;
  paste?: boolean;
  disabled?: boolean;
}) => {
  const [isOver, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const give = (files: FileList | null | undefined) => {
    const given = [...(files ?? [])];
    if (given.length > 0 && !disabled) onPhotos(several ? given : given.slice(0, 1));
  };
  const latest = useRef(give);
  latest.current = give;
  useEffect(() => {
    if (!paste) return;
    const onPaste = (event: ClipboardEvent) => latest.current(event.clipboardData?.files);
    addEventListener('paste', onPaste);
    return () => removeEventListener('paste', onPaste);
  }, [paste]);
  return (
    <label
      class="drop"
      data-over={isOver && !disabled ? '' : undefined}
      data-disabled={disabled ? '' : undefined}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        give(event.dataTransfer?.files);
      }}
    >
      <Icon of={ImageUp} size={26} />
      <span class="drop-label">{label}</span>
      {!disabled && (
        <span class="hint">
          or {paste && 'paste it, or '}click to choose {several ? 'files' : 'a file'}
        </span>
      )}
      <input
        ref={input}
        class="visually-hidden"
        type="file"
        accept="image/*,.heic,.avif"
        multiple={several}
        disabled={disabled}
        onChange={(event) => {
          give(event.currentTarget.files);
          // The same file again is a change too.
          event.currentTarget.value = '';
        }}
      />
    </label>
  );
};
