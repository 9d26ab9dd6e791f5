"""The small library that notebooks may import; it imports nothing of ours.

    import kit
    model = kit.load_model()     # task/model.*: a transformer_lens HookedTransformer, CPU, eval
    data = kit.load_data()       # task/data.safetensors: dict of torch tensors
    instance = kit.load_instance()   # task/instance.json: everything told about the task
    hook = kit.at_positions(model, positions)   # other rows of the position table

Files are read from the folder `task` in the working directory. torch is imported on first use.
"""

from ._files import load_data as load_data
from ._files import load_instance as load_instance
from ._models import at_positions as at_positions
from ._models import load_model as load_model
