"""Many adapters on one frozen base, computed together: stacked weights, batched matrix products.

How it is used, for training and for answering alike:

    with AdapterBank(model, tuner, slots=16) as bank:   # wraps the layers of `model` in place
        bank.start(0, seed=1)                           # the weights that `tuner.attach` would draw from this seed
        bank.load(1, folder)                            # or those of a peft folder, as `tuner.save` wrote it
        with bank.rows([0, 1]):                         # the first half of the batch is slot 0's, the second slot 1's
            model(input_ids=ids, ...)                   # ids: 2·m × L
        with bank.rows([1, 0, 0]):                      # one slot a row, in any order, again and again
            model(input_ids=ids, ...)                   # ids: 3 × L
        bank.save(0, other)                             # a peft folder of the single path's format
    # here the model has its own layers back

`bank.rows(index)` divides the batch dimension into `len(index)` equal groups of consecutive rows; group i is computed
by the adapter in slot `index[i]`. A slot may occur several times. Slots that follow one another (2, 3, 4) are fastest,
since their weights are not copied. Calling the model outside `rows` is an error; under `bank.bypassed()` the base
answers alone.
A soft prompt wraps no layer: `bank.vectors()` gives its vectors (G × V × hidden) for the current rows, and the caller
puts them before the embeddings of the tokens.

What one adapter computes does not depend on the others: each has its own matrix products. In fp32, losses and
gradients are those of the single path up to rounding (tested to 1e-5). They are the same bit for bit only where a
matrix product rounds a row the same way whatever the number of rows, which torch does not promise. In bfloat16 a LoRA's
update is added to the base's output in one rounding where peft rounds three times: the two differ by rounding, and a
bank is no further from fp32 than the single path is (tested).
"""

from tuition.models.adapters.bank import AdapterBank
from tuition.models.adapters.suitability import why_not

__all__ = ["AdapterBank", "why_not"]
