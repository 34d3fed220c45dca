import { useEffect } from 'preact/hooks';

/** Reads again every so many seconds, while the page is in front. */
export const useRepeat = (reload: () => Promise<void>, seconds: number): void =>
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') void reload();
    }, seconds * 1000);
    return () => clearInterval(timer);
  }, [reload, seconds]);
