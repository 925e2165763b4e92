import { expect, test } from 'vitest';
import { createTestDatabase } from '../../core/testing/database.ts';
import { insertSmallPlant } from '../../core/testing/small-plant.ts';
import { checkGateways } from './check-gateways.ts';

test.each(['dropping', 'journal_full', 'disk_failing', 'journal_damaged'])(
  'a gateway that says %s is an alarm until it says otherwise',
  async (status) => {
    const database = await createTestDatabase();
    const plant = await insertSmallPlant(database, 'millrace', 1);
    await database.execute('insert into gateway (gateway_id, organization_id) values (1, $1), (2, $1)', [
      plant.organization_id,
    ]);
    const say = (word: string, message: string): Promise<number> =>
      database.execute('update gateway set status = $1 where gateway_id = 1', [
        JSON.stringify({ status: word, message }),
      ]);
    const alarms = () =>
      database.query(
        "select machine_id, state, message, returned_at is null as open from alarm where kind = 'gateway'",
      );
    expect(await checkGateways(database)).toBe(0);
    await say('not_storing', 'The database is away.');
    expect(await checkGateways(database)).toBe(0);
    expect(await alarms()).toEqual([]);
    await say(status, 'So it is.');
    expect(await checkGateways(database)).toBe(1);
    await Promise.all([checkGateways(database), checkGateways(database)]);
    const { machine_id } = plant;
    expect(await alarms()).toEqual([
      { machine_id, state: 'unacknowledged', message: 'Gateway 1: So it is.', open: true },
    ]);
    await say('running', 'Everything received is stored.');
    expect(await checkGateways(database)).toBe(0);
    expect(await alarms()).toMatchObject([{ state: 'returned_unacknowledged', open: false }]);
  },
);
