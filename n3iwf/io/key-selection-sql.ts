/** The conditions of a key selection as SQL, for both engines; what differs between them is how a value is named. */
import { SEALED_STATES, type Selection } from '#qkd';

/** Columns of a key in the order in which rows are written. */
export const KEY_COLUMNS = 'key_id, peer, role, state, sealed, epoch, received_at, changed_at';

/** The text after WHERE, with its order and limit, and the values that it names. */
export interface SelectionSql {
  readonly text: string;
  readonly values: readonly (string | number)[];
}

/** `name`: how the engine writes its n-th parameter, from 1 on. States are a fixed set and stand as text, so that the partial index over waiting keys is found. */
export function selectionSql(where: Selection, name: (place: number) => string): SelectionSql {
  const values: (string | number)[] = [];
  const conditions = [`state IN (${where.states.map((state) => `'${state}'`).join(', ')})`];
  if (where.states.every((state) => SEALED_STATES.includes(state))) conditions.push('sealed IS NOT NULL');
  const add = (condition: string, value: string | number | undefined): void => {
    if (value === undefined) return;
    values.push(value);
    conditions.push(`${condition} ${name(values.length)}`);
  };
  add('key_id =', where.keyId);
  add('peer =', where.peer);
  add('role =', where.role);
  add('received_at >=', where.receivedFromMs);
  add('received_at <', where.receivedBeforeMs);
  add('changed_at <', where.changedBeforeMs);
  add('epoch =', where.epoch);
  let text = `${conditions.join(' AND ')} ORDER BY sequence`;
  if (where.limit !== undefined) {
    values.push(where.limit);
    text += ` LIMIT ${name(values.length)}`;
  }
  return { text, values };
}
