import { rootAccount } from './account-id.ts';
import type { Account } from './accounts.ts';

/** From user ids to accounts; the way back is `Accounts.holder`. Users without an id of their own have root's. */
export class UidBook {
  readonly #root: number;
  readonly #holders = new Map<number, Map<string, Account>>();

  constructor(rootUid: number) {
    this.#root = rootUid;
  }

  add(uid: number, account: Account): void {
    const holders = this.#holders.get(uid) ?? new Map<string, Account>();
    this.#holders.set(uid, holders.set(account.id, account));
  }

  remove(uid: number, accountId: string): void {
    const holders = this.#holders.get(uid);
    holders?.delete(accountId);
    if (holders?.size === 0) this.#holders.delete(uid);
  }

  /** Root's for its own id, whoever shares that; else of the one user that has it. */
  account(uid: number): Account | undefined {
    if (uid === this.#root) return rootAccount;
    const holders = this.#holders.get(uid);
    return holders?.size === 1 ? [...holders.values()][0] : undefined;
  }
}
