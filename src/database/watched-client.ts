import pg from 'pg';

/**
 * A connection that is cut when a query gets no answer in time. A socket whose other end is gone without a word (a
 * pulled cable, a firewall that forgot) would otherwise hold its query, and whoever waits for it, for ever.
 */
export class WatchedClient extends pg.Client {
  // biome-ignore lint/suspicious/noExplicitAny: pg's query has nine signatures, all of which pass through.
  override query(...args: any[]): any {
    // biome-ignore lint/suspicious/noExplicitAny: as above.
    const answer = (super.query as any)(...args);
    if (typeof answer?.catch === 'function') {
      answer.catch((error: Error) => {
        if (error.message === 'Query read timeout') this.#cut();
      });
    }
    return answer;
  }

  #cut(): void {
    const inner = this as unknown as { _queryable: boolean; connection?: { stream?: { destroy(): void } } };
    // At once, and not when the socket tells of its end: until then the pool would hand it out again.
    inner._queryable = false;
    inner.connection?.stream?.destroy();
  }
}
