/** The headers of a message that are text; others, such as the tables of AMQP, say nothing here. */
export const textHeaders = (headers: Record<string, unknown> | undefined): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers ?? {}).flatMap(([name, value]) => {
      if (Buffer.isBuffer(value)) return [[name, value.toString('utf8')]];
      return ['string', 'number', 'boolean'].includes(typeof value) ? [[name, String(value)]] : [];
    }),
  );
