/** A member of one queue at a time. */
export interface Queued {
  /** What it counts for, in bytes. */
  readonly weight: number;
  /** The one that came after it; of the queue. */
  next: Queued | undefined;
}

/** First in, first out: a list that runs through its members. */
export class FrameQueue<Member extends Queued> {
  #oldest: Member | undefined;
  #newest: Member | undefined;
  #weight = 0;

  /** Sum over the members, in bytes. */
  get weight(): number {
    return this.#weight;
  }

  add(member: Member): void {
    member.next = undefined;
    if (this.#newest === undefined) this.#oldest = member;
    else this.#newest.next = member;
    this.#newest = member;
    this.#weight += member.weight;
  }

  /** Takes out the member that has been in it longest. */
  take(): Member | undefined {
    const member = this.#oldest;
    if (member === undefined) return undefined;
    // All its members are of one type.
    this.#oldest = member.next as Member | undefined;
    if (this.#oldest === undefined) this.#newest = undefined;
    member.next = undefined;
    this.#weight -= member.weight;
    return member;
  }
}
