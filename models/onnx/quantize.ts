/** Rounds a weight matrix to int8, a scale for each row. No I/O, and the same result on every machine. */

export interface QuantizedRows {
  /** (rows, columns), each in [-127, 127]: symmetric, so that there is no zero point. */
  readonly values: Int8Array;
  /** (rows,): the weight is value × scale. */
  readonly scales: Float32Array;
}

/** @param weight (rows, columns), row-major */
export function quantizeRows(weight: Float32Array, rows: number, columns: number): QuantizedRows {
  const values = new Int8Array(weight.length);
  const scales = new Float32Array(rows);
  for (let r = 0; r < rows; r++) {
    const row = weight.subarray(r * columns, (r + 1) * columns);
    let largest = 0;
    for (const w of row) largest = Math.max(largest, Math.abs(w));
    const scale = Math.fround(largest / 127) || 1; // A row of zeros needs some scale.
    scales[r] = scale;
    for (let c = 0; c < columns; c++) {
      values[r * columns + c] = Math.max(-127, Math.min(127, Math.round((row[c] as number) / scale)));
    }
  }
  return { values, scales };
}
