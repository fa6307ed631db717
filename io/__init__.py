"""Files: snapshots, the view over them, runs and figures."""
