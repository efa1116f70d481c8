/** The images of the items ahead, fetched before they are asked for. */

const MOST_KEPT = 24;

export class Images {
  #kept = new Map();
  #api;

  constructor(api) {
    this.#api = api;
  }

  /** A promise of `<img>`, decoded; asking again for the same item costs nothing. */
  get(item) {
    const known = this.#kept.get(item);
    const image = known ?? this.#fetch(item);
    this.#kept.delete(item);
    this.#kept.set(item, image);
    this.#trim();
    return image;
  }

  async #fetch(item) {
    try {
      const image = new Image();
      image.src = URL.createObjectURL(await this.#api.image(item));
      await image.decode();
      return image;
    } catch (error) {
      this.#kept.delete(item);
      throw error;
    }
  }

  #trim() {
    const [oldest] = this.#kept.keys();
    if (this.#kept.size <= MOST_KEPT) return;
    this.#drop(oldest);
  }

  #drop(item) {
    this.#kept
      .get(item)
      ?.then((image) => URL.revokeObjectURL(image.src))
      .catch(() => {});
    this.#kept.delete(item);
  }

  clear() {
    for (const item of [...this.#kept.keys()]) this.#drop(item);
  }
}
