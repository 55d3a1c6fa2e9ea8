"""One output per class, softmax: the thesis's one-hot encoding (section 4.1.4, equations 4.1 and 4.2)."""

from torch import Tensor
from torch.nn import functional

from heads.grades import GradeHead


class OneHot(GradeHead):
    """K logits; P(k) = softmax(logits)[k]; grade = argmax; loss = categorical cross-entropy."""

    @property
    def num_outputs(self) -> int:
        """K."""
        return self.num_classes

    def encode(self, labels: Tensor) -> Tensor:
        """Grade 2 of 5 → [0, 0, 1, 0, 0]; votes → their shares. `(B, K)`."""
        return self.soft_labels(labels)

    def sample_losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy `(B,)`, equation 4.1."""
        return functional.cross_entropy(logits, self.encode(labels).to(logits), reduction="none")

    def probabilities(self, logits: Tensor) -> Tensor:
        """Softmax over the logits, `(B, K)`."""
        return logits.softmax(dim=1)

    def decode(self, logits: Tensor) -> Tensor:
        """Index of the largest logit, `(B,)`."""
        return logits.argmax(dim=1)
