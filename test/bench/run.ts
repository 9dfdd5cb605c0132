console.log('There is nothing to measure against a target yet: the benchmarks come with the pipeline’s own issue.');
