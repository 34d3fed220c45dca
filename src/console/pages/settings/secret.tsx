import { Copy } from 'lucide';
import { Dialog } from '../../components/dialog.tsx';
import { Icon } from '../../components/icon.tsx';
import { say } from '../../components/toast.tsx';

/** A secret that was made, which is shown once. */
export const Secret = ({
  title,
  secret,
  children,
  onClose,
}: {
  title: string;
  secret: string;
  children: string;
  onClose: () => void;
}) => (
  <Dialog
    title={title}
    onClose={onClose}
    actions={
      <button type="button" class="button primary" onClick={onClose}>
        I have kept it
      </button>
    }
  >
    <p>{children} It is shown here only.</p>
    <p class="secret">
      <code>{secret}</code>
      <button
        type="button"
        class="icon-button"
        aria-label="Copy"
        onClick={() => void navigator.clipboard.writeText(secret).then(() => say('Copied.'))}
      >
        <Icon of={Copy} />
      </button>
    </p>
  </Dialog>
);
