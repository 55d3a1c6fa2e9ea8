// The colour of a grade by its share of the way from the first to the last: dark green, lime, amber, orange, red. station/picture.py has the same.
export const hue = (share) => `hsl(${(140 * (1 - share) ** 1.3).toFixed(0)} 72% ${(38 + 18 * Math.sin(Math.PI * share)).toFixed(0)}%)`;
