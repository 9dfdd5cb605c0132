import pg from 'pg';

/**
 * What our statements take for granted. Servers, databases and roles have defaults of their own: Prisma's adapter takes the texts of times for
 * UTC, so that in another time zone every time would be wrong by hours.
 */
const parameters = { TimeZone: 'UTC', DateStyle: 'ISO, YMD', standard_conforming_strings: 'on' };

/**
 * Session of a PostgreSQL server with our parameters, from its start. They are those that PgBouncer keeps for each of its clients, so they hold
 * behind a pooler, too.
 */
export class ServerClient extends pg.Client {
  /** node-postgres builds the start-up message from it. */
  protected getStartupConf(): Record<string, string> {
    const { getStartupConf } = pg.Client.prototype as unknown as { getStartupConf(this: pg.Client): Record<string, string> };
    return { ...getStartupConf.call(this), ...parameters };
  }
}
