/** The sentence that the page begins with. */
export const EXAMPLE = 'I love [MASK] because you are [MASK].';
