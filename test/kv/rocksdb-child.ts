import process from 'node:process';
import { Fault } from '../../src/fault.ts';
import { openRocksdb } from '../../src/kv/rocksdb.ts';
import { bytes, openAppending } from './rows.ts';

// A process for rocksdb.test.ts to look at from outside, or to kill.
const [deed, directory = '', argument = ''] = process.argv.slice(2);

if (deed === 'open') {
  try {
    await openRocksdb(directory, argument === '' ? {} : { library: argument });
    process.send?.({ code: 'opened', text: '' });
  } catch (cause) {
    process.send?.(
      cause instanceof Fault
        ? { code: cause.code, text: cause.message }
        : { code: 'other', text: String(cause) },
    );
  }
} else {
  const kv = openAppending(await openRocksdb(directory));
  const run = async (client: string): Promise<void> => {
    for (let count = 1; ; count++) {
      await kv.transact('durable', async (tx) => {
        for (const side of ['left', 'right'])
          tx.put(bytes(`${client}/${String(count).padStart(6, '0')}/${side}`), bytes('x'.repeat(200)));
      });
      process.send?.({ client, count });
    }
  };
  await Promise.all(
    Array.from({ length: 16 }, (_, index) => run(`r${argument}c${String(index).padStart(2, '0')}`)),
  );
}
