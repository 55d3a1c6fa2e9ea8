// Low-pass over frames in stages, each a first-order filter; before anything is decoded.
export function lowPass(factor, count = 3) {
  let stages = null;
  return (values) => {
    stages ||= Array.from({ length: count }, () => Float32Array.from(values));
    let from = values;
    for (const stage of stages) { for (let place = 0; place < stage.length; place += 1) stage[place] += factor * (from[place] - stage[place]); from = stage; }
    return from;
  };
}
