/** Two cells that run as they are, in this order; the last is what to show. */
export const EXAMPLE_CELLS = [
  `import jupyter_ml as ml
%load_ext jupyter_ml`,
  `%%ml train --name iris -o model
from sklearn.datasets import load_iris
from sklearn.svm import SVC

data = load_iris()
X, y = data.data, data.target
model = SVC().fit(X, y)
score = model.score(X, y)
ml.log(accuracy=score)`
];
