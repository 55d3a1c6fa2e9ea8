// Low-pass over frames in three stages, each a first-order filter; before anything is decoded.
export function lowPass(factor) {
  let stages = null;
  return (values) => {
    stages ||= [values, values, values].map((one) => Float32Array.from(one));
    let from = values;
    for (const stage of stages) { for (let place = 0; place < stage.length; place += 1) stage[place] += factor * (from[place] - stage[place]); from = stage; }
    return from;
  };
}
