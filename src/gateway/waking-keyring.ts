import type { Keyring } from '../keyring/keyring.ts';

/** What asks for background work also starts it: `wake` is called once the change is durable. */
export function wakingKeyring(keyring: Keyring, wake: () => void): Keyring {
  return {
    ...keyring,
    async rotate(name) {
      const key = await keyring.rotate(name);
      wake();
      return key;
    },
    async remove(name) {
      const key = await keyring.remove(name);
      wake();
      return key;
    },
  };
}
