// Where the consumers of a test put what they receive, and where the test waits for it.

export class Inbox {
  #received = [];
  #waiting = [];

  /** Ready to be handed over as a consumer's callback. */
  put = (message) => {
    const waiter = this.#waiting.shift();
    if (waiter) waiter(message);
    else this.#received.push(message);
  };

  /** The next message; the test's own timeout ends a wait in vain. */
  next() {
    if (this.#received.length > 0) return Promise.resolve(this.#received.shift());
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async take(count) {
    const messages = [];
    while (messages.length < count) messages.push(await this.next());
    return messages;
  }

  get length() {
    return this.#received.length;
  }
}
