import { ORDER_BLOBS_MAX, ORDER_BYTES_MAX } from '../limits/storage-policy.ts';
import type { BlobId } from '../tiering/blobs.ts';
import type { Tier } from '../tiering/tier.ts';
import type { MigrationRecord, MigrationTrigger, Tiers } from '../tiering/tiers.ts';
import type { PlacedBlob } from './survey.ts';

export interface OrderedBy {
  readonly to: Tier;
  readonly trigger: MigrationTrigger;
  readonly policy?: string;
}

/** Hears of each migration that has ended, and of what it was to move. */
export type Ended = (record: MigrationRecord, blobs: readonly BlobId[]) => void;

/** Gathers blobs for one tier into orders of a good size: small objects go together, so that they share segments. */
export class Orders {
  readonly #tiers: Pick<Tiers, 'migrate'>;
  readonly #by: OrderedBy;
  readonly #ended: Ended;
  #gathered: BlobId[] = [];
  #bytes = 0;

  constructor(tiers: Pick<Tiers, 'migrate'>, by: OrderedBy, ended: Ended) {
    this.#tiers = tiers;
    this.#by = by;
    this.#ended = ended;
  }

  /** Resolves when there is room for more. `isAlone`: they do not share segments with what came before and comes after. */
  async add(blobs: readonly PlacedBlob[], isAlone = false): Promise<void> {
    if (isAlone) await this.flush();
    for (const { id, length } of blobs) {
      if (this.#gathered.length >= ORDER_BLOBS_MAX || this.#bytes + length > ORDER_BYTES_MAX)
        await this.flush();
      this.#gathered.push(id);
      this.#bytes += length;
    }
    if (isAlone) await this.flush();
  }

  /** Orders what has been gathered and waits for it. */
  async flush(): Promise<void> {
    if (this.#gathered.length === 0) return;
    const blobs = this.#gathered;
    this.#gathered = [];
    this.#bytes = 0;
    this.#ended(await this.#tiers.migrate({ ...this.#by, blobs }), blobs);
  }
}
