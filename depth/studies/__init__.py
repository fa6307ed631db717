"""Claims about random networks in depth, each with the computation that tests it and a verdict.

`study` says what a study is, `registry` has all of them, `settings` their settings. A module a
study, named as the study; what several share is in `fits` and, of the Gram studies, in `layers`.
"""
