"""The points that runs log: written by jobs and kernels, scanned and thinned out for readers."""
