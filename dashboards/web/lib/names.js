/** How a name of the API reads where no table has a word for it. Pure. */

/** As text: `client_gone` reads "client gone". @param {string} name */
export const plain = (name) => name.replaceAll("_", " ");

/** @param {string} name */
export const headed = (name) => plain(name).replace(/^./, (letter) => letter.toUpperCase());

/** @template Row @param {Readonly<Record<string, Row>>} table @param {string} name @returns {Row | undefined} */
export const row = (table, name) => (Object.hasOwn(table, name) ? table[name] : undefined);
