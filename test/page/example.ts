/** The sentence that the page starts with. */
export const EXAMPLE = 'I love [MASK] because you are [MASK].';
