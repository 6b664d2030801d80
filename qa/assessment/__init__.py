"""The month: indicators from platforms' exports, schemes, monthly sheets and what follows from them.

`presets` and `exports` turn a file into parts; `importing` stores them; `facts` reads them back with people in place of
accounts; `schemes` keeps versions of what is assessed; `inputs` gathers and freezes what a sheet rests on; `results` is
what they say, `sheets` the life of a sheet, `recomputing` the same computed again; `examples` the soft indicators.
"""
